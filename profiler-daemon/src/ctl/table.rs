//! Plain tables of at most 80 columns.
//!
//! Cells must be printable already.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Columns that every table fits in.
pub(super) const WIDTH: usize = 80;

/// How a column is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a header, a line a row unless a cell has to wrap; each line ends in a newline.
pub(super) fn render(columns: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(80)
        .set_header(columns.iter().map(|(title, _)| *title));
    let last = columns.len().saturating_sub(1);
    for (place, (_, align)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(place) {
            column.set_padding((0, if place == last { 0 } else { 2 }));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
    }
    table.add_rows(rows);
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Align, WIDTH, render};

    #[test]
    fn long_cells_wrap_and_keep_every_character() {
        let long = "x".repeat(200);
        let text = render(
            &[("NAME", Align::Left), ("COUNT", Align::Right)],
            vec![vec![long, "7".to_owned()]],
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert_eq!(text.matches('x').count(), 200);
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
}
