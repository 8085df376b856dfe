//! The style sheet, the script and the icon: in the program, under names that change with their content.

use std::sync::LazyLock;

/// A file of the console.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    name: &'static str,
    ending: &'static str,
    /// Its type.
    pub(crate) content_type: &'static str,
    /// What is in it.
    pub(crate) content: &'static str,
}

/// A file with its name.
pub(crate) struct Named {
    asset: Asset,
    address: LazyLock<String>,
}

impl Named {
    /// From the folder of the pages: `assets/console-0123456789abcdef.css`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

const STYLE_FILE: Asset = Asset {
    name: "console",
    ending: "css",
    content_type: "text/css; charset=utf-8",
    content: include_str!("../../assets/console.css"),
};

const SCRIPT_FILE: Asset = Asset {
    name: "console",
    ending: "js",
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("../../assets/console.js"),
};

const ICON_FILE: Asset = Asset {
    name: "icon",
    ending: "svg",
    content_type: "image/svg+xml",
    content: include_str!("../../assets/icon.svg"),
};

/// The style sheet.
pub(crate) static STYLE: Named =
    Named { asset: STYLE_FILE, address: LazyLock::new(|| address(STYLE_FILE)) };

/// The script.
pub(crate) static SCRIPT: Named =
    Named { asset: SCRIPT_FILE, address: LazyLock::new(|| address(SCRIPT_FILE)) };

/// The icon.
pub(crate) static ICON: Named =
    Named { asset: ICON_FILE, address: LazyLock::new(|| address(ICON_FILE)) };

/// The file with this name, if there is one.
pub(crate) fn find(name: &str) -> Option<Asset> {
    [&STYLE, &SCRIPT, &ICON]
        .into_iter()
        .find(|named| named.address.strip_prefix("assets/") == Some(name))
        .map(|named| named.asset)
}

fn address(asset: Asset) -> String {
    format!("assets/{}-{:016x}.{}", asset.name, hash(asset.content), asset.ending)
}

/// FNV-1a: it only has to change with the content.
fn hash(content: &str) -> u64 {
    content.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_name_in_its_address_only() {
        let name = STYLE.address.strip_prefix("assets/").expect("in the folder of the files");
        assert_eq!(find(name).map(|asset| asset.content_type), Some("text/css; charset=utf-8"));
        assert!(find("console.css").is_none());
        assert_ne!(*STYLE.address, *SCRIPT.address);
    }
}
