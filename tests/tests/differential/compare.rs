//! Which differences there are, and how they are shown.

use std::fmt::Write as _;

use crate::drive::Outcome;

/// Two outcomes beside each other; lines that differ are marked.
pub(crate) fn side_by_side(left: (&str, &Outcome), right: (&str, &Outcome)) -> String {
    let (left_lines, right_lines) = (left.1.lines(), right.1.lines());
    let width = left_lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
        .max(left.0.len());
    let mut text = format!("  {:width$}   {}\n", left.0, right.0);
    for (left, right) in aligned(&left_lines, &right_lines) {
        let mark = if left == right { ' ' } else { '!' };
        let _ = writeln!(
            text,
            "{mark} {:width$} | {}",
            left.unwrap_or(""),
            right.unwrap_or("")
        );
    }
    text
}

/// Pairs up the longest common subsequence.
fn aligned<'a>(left: &'a [String], right: &'a [String]) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let mut common = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (row, one) in left.iter().enumerate().rev() {
        for (column, other) in right.iter().enumerate().rev() {
            common[row][column] = if one == other {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::new();
    while row < left.len() || column < right.len() {
        let (one, other) = (left.get(row), right.get(column));
        match (one, other) {
            (Some(one), Some(other)) if one == other => {
                pairs.push((Some(one.as_str()), Some(other.as_str())));
                row += 1;
                column += 1;
            }
            (Some(one), other)
                if other.is_none() || common[row + 1][column] >= common[row][column + 1] =>
            {
                pairs.push((Some(one.as_str()), None));
                row += 1;
            }
            (_, other) => {
                pairs.push((None, other.map(String::as_str)));
                column += 1;
            }
        }
    }
    pairs
}
