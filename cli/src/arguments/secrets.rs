//! What may be a secret in an argument is not printed, also when the argument makes no sense.

/// Parts of connection strings that are secrets.
const SECRET: [&str; 3] = ["AccountKey=", "SharedAccessSignature=", "sig="];

/// The text with `..` in place of secrets.
pub(crate) fn hidden(text: &str) -> String {
    let mut shown = text.to_owned();
    for name in SECRET {
        let mut from = 0;
        while let Some(found) = shown[from..].find(name) {
            let begin = from + found + name.len();
            let end = shown[begin..].find([';', '\'', '"', '&', ' ', '\n']);
            let end = end.map_or(shown.len(), |end| begin + end);
            shown.replace_range(begin..end, "..");
            from = begin;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_signatures_are_hidden() {
        let given =
            "unknown 'AccountName=a;AccountKey=c2VjcmV0;X=y' SharedAccessSignature=sv=1&sig=zzz";
        let shown = hidden(given);
        assert_eq!(
            shown,
            "unknown 'AccountName=a;AccountKey=..;X=y' SharedAccessSignature=..&sig=.."
        );
        assert_eq!(hidden("nothing"), "nothing");
    }
}
