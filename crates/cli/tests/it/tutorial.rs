//! The tutorial of `docs/rules.md`, done as a reader does it: its files are written, its changes made, its commands run,
//! and what they print is what the page says.
//!
//! In the page, a fence with `file=PATH` is a file; with `diff file=PATH` a change to one; `console` holds commands after
//! `$ ` and what they print, where `...` stands for anything. A command may end with other than 0 only if the page says
//! so: `[exit 1]`.

use std::path::Path;
use std::process::Command;

use crate::scene::repository;

/// A fenced block: what stands behind the backticks, and its lines.
struct Block<'a> {
    info: &'a str,
    lines: Vec<&'a str>,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(info), None) => open = Some(Block { info: info.trim(), lines: Vec::new() }),
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn the_tutorial_does_what_it_says() {
    let page = std::fs::read_to_string(repository("docs/rules.md")).unwrap();
    let tutorial = page.split("<!-- tutorial -->").nth(1).and_then(|rest| rest.split("<!-- end -->").next()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for block in blocks(tutorial) {
        let (kind, file) = match block.info.split_once(" file=") {
            Some((kind, file)) => (kind, Some(dir.path().join(file))),
            None => (block.info, None),
        };
        match (kind, file) {
            ("diff", Some(file)) => change(&file, &block.lines),
            (_, Some(file)) => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, block.lines.join("\n") + "\n").unwrap();
            }
            ("console", None) => commands += console(dir.path(), &block.lines),
            _ => {}
        }
    }
    assert!(commands >= 10, "only {commands} commands");
}

/// Makes a change: lines after `-` give way to those after `+`. Lines of context are lines of both.
fn change(file: &Path, lines: &[&str]) {
    let side = |sign: char| -> String {
        let lines = lines.iter().filter_map(|line| line.strip_prefix([sign, ' ']));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (old, new) = (side('-'), side('+'));
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(&old).count(), 1, "{} holds once:\n{old}", file.display());
    std::fs::write(file, text.replacen(&old, &new, 1)).unwrap();
}

/// Runs the commands of a block and compares what they print.
fn console(dir: &Path, lines: &[&str]) -> usize {
    let program = Path::new(env!("CARGO_BIN_EXE_hedui")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    let mut rest = lines;
    while let [first, after @ ..] = rest {
        let command = first.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {first}"));
        let end = after.iter().position(|line| line.starts_with("$ ")).unwrap_or(after.len());
        let (said, next) = after.split_at(end);
        rest = next;
        commands += 1;
        let mut said: Vec<&str> = said.to_vec();
        let code = match said.last().and_then(|line| line.strip_prefix("[exit ")).map(|line| line.trim_end_matches(']'))
        {
            Some(code) => {
                said.pop();
                code.parse().unwrap()
            }
            None => 0,
        };
        let output = Command::new("sh")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(dir)
            .env("PATH", &path)
            .env_remove("HEDUI_LOG")
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "$ {command}\n{printed}");
        let printed_lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert!(
            agree(&said, &printed_lines),
            "$ {command}\nthe page says:\n{}\n\nprinted:\n{printed}",
            said.join("\n")
        );
    }
    commands
}

/// Whether lines are as the page has them; `...` alone stands for any lines.
fn agree(page: &[&str], printed: &[&str]) -> bool {
    match (page, printed) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=printed.len()).any(|skip| agree(rest, &printed[skip..])),
        ([first, rest @ ..], [line, lines @ ..]) => line_agrees(first.trim_end(), line) && agree(rest, lines),
        _ => false,
    }
}

/// Whether a line is as the page has it; `...` stands for any text within.
fn line_agrees(page: &str, printed: &str) -> bool {
    match page.split_once("...") {
        None => page == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| line_agrees(after, &rest[at..]))
        }),
    }
}

#[test]
fn dots_stand_for_what_the_page_leaves_out() {
    assert!(agree(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(agree(&["in ... s, all"], &["in 0.3 s, all"]));
    assert!(!agree(&["a", "c"], &["a", "b", "c"]));
    assert!(!line_agrees("a...c", "ab"));
}
