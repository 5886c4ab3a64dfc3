//! docs/bridge.md as code blocks and tables.

use std::path::Path;

/// A code block.
pub struct Block {
    /// The language after its opening fence.
    pub language: String,
    pub lines: Vec<String>,
}

pub fn text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bridge.md")).unwrap()
}

/// The code blocks in order.
pub fn blocks() -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for line in text().lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => open = Some(Block { language: language.into(), lines: Vec::new() }),
            (None, Some(block)) => block.lines.push(line.into()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code does not end");
    blocks
}

/// The rows of the table with this header, each a list of cells.
pub fn table(header: &str, after: &str) -> Vec<Vec<String>> {
    let text = text();
    let (_, text) = text.split_once(after).unwrap_or_else(|| panic!("no {after:?}"));
    let mut lines = text.lines().skip_while(|line| *line != header);
    assert!(lines.next().is_some() && lines.next().is_some(), "no table {header}");
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
