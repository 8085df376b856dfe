//! What the other rules need to know of a page of Markdown: its links, its anchors, and its tables.

/// A link of a page.
pub(crate) struct Link {
    /// The line that it stands in.
    pub(crate) line: usize,
    /// Where it leads.
    pub(crate) target: String,
}

/// The links of a page, outside of code.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, text) in prose(page) {
        let text = without_code(text);
        let inline = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
        let inline = inline.filter_map(|rest| rest.split([')', ' ']).next());
        let defined = text.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let images = text.match_indices("src=\"").map(|(at, _)| &text[at + 5..]);
        let images = images.filter_map(|rest| rest.split('"').next());
        let all = inline.chain(images).chain(defined.map(|(_, target)| target));
        links.extend(all.map(|target| Link { line, target: target.trim().into() }));
    }
    links
}

/// The anchors of a page's headings, as code hosts and mdbook make them.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(page) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor = kept.collect::<String>().replace(' ', "-");
        let same = anchors.iter().filter(|other| **other == anchor).count();
        anchors.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
    }
    anchors
}

/// A row of a table as its cells, with the header of the table.
pub(crate) struct Row<'a> {
    pub(crate) header: Vec<&'a str>,
    pub(crate) cells: Vec<&'a str>,
}

/// The rows of all tables of a page.
pub(crate) fn rows(page: &str) -> Vec<Row<'_>> {
    let (mut rows, mut header) = (Vec::new(), None);
    for (_, line) in prose(page) {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            header = None;
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        match &header {
            None => header = Some(cells),
            Some(_) if cells.iter().all(|cell| cell.starts_with("---")) => {}
            Some(header) => rows.push(Row { header: header.clone(), cells }),
        }
    }
    rows
}

/// What stands between backticks.
pub(crate) fn code_in(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The lines of a page with their numbers, without blocks of code.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(page.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[test]
fn links_are_found_outside_of_code_only() {
    let page = "A [page](a.md#top) and `[no](code.md)`.\n```rust\n[none](b.md)\n```\n\
                [defined]: c.md\n<img src=\"d.svg\" alt=\"\">";
    let found: Vec<_> = links(page).into_iter().map(|link| (link.line, link.target)).collect();
    let expected = [(1, "a.md#top"), (5, "c.md"), (6, "d.svg")];
    assert_eq!(found, expected.map(|(line, target)| (line, target.to_string())));
}

#[test]
fn anchors_are_made_as_code_hosts_make_them() {
    let page =
        "# What is `a::b`, really?\n## Twice\n### Twice\n#no heading\n```sh\n# a comment\n```";
    assert_eq!(anchors(page), ["what-is-ab-really", "twice", "twice-1"]);
}
