//! A page done as a reader does it: its files are written, its changes made, its commands run, and what they print is what
//! the page says.
//!
//! Between `<!-- tutorial -->` and `<!-- end -->`, a fence with `file=PATH` is a file; with `diff file=PATH` a change to
//! one; `console` holds commands after `$ ` and what they print, where `...` stands for anything. A command may end with
//! other than 0 only if the page says so: `[exit 1]`. One that ends in `&` runs on until the page is done; the page goes on
//! once it has printed the lines shown. Ports are free ones: `:PORT` stands for any.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::scene::repository;

/// A fenced block: what stands behind the backticks, and its lines.
struct Block {
    info: String,
    lines: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let page = std::fs::read_to_string(repository(page)).unwrap();
    let tutorial = page.split("<!-- tutorial -->").nth(1).and_then(|rest| rest.split("<!-- end -->").next()).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in tutorial.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(info), None) => open = Some(Block { info: info.trim().to_owned(), lines: Vec::new() }),
            (None, Some(mut block)) => {
                block.lines.push(line.to_owned());
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A file as a page gives it.
pub(crate) fn file(page: &str, path: &str) -> String {
    let wanted = format!(" file={path}");
    let is_it = |block: &Block| block.info.ends_with(&wanted) && !block.info.starts_with("diff ");
    blocks(page).into_iter().find(is_it).unwrap_or_else(|| panic!("{page} has no {path}")).lines.join("\n") + "\n"
}

/// Does a page in a folder of its own, and says how many commands it has.
pub(crate) fn done(page: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Running(Vec::new());
    let mut commands = 0;
    for block in blocks(page) {
        let (kind, file) = match block.info.split_once(" file=") {
            Some((kind, file)) => (kind, Some(dir.path().join(file))),
            None => (block.info.as_str(), None),
        };
        match (kind, file) {
            ("diff", Some(file)) => change(&file, &block.lines),
            (_, Some(file)) => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, block.lines.join("\n") + "\n").unwrap();
            }
            ("console", None) => commands += console(dir.path(), &block.lines, &mut running),
            _ => {}
        }
    }
    commands
}

/// Commands in the background; ended when dropped.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes a change: lines after `-` give way to those after `+`. Lines of context are lines of both.
fn change(file: &Path, lines: &[String]) {
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
fn console(dir: &Path, lines: &[String], running: &mut Running) -> usize {
    let mut commands = 0;
    let mut rest = lines;
    while let [first, after @ ..] = rest {
        let command = first.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {first}"));
        let end = after.iter().position(|line| line.starts_with("$ ")).unwrap_or(after.len());
        let (said, next) = after.split_at(end);
        rest = next;
        commands += 1;
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        match command.strip_suffix('&') {
            Some(command) => running.0.push(started(dir, command.trim_end(), &said)),
            None => ran(dir, command, said),
        }
    }
    commands
}

fn shell(dir: &Path, command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_hedui")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(dir)
        .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()))
        .env_remove("HEDUI_LOG")
        .stdin(Stdio::null());
    shell
}

fn ran(dir: &Path, command: &str, mut said: Vec<&str>) {
    let code = match said.last().and_then(|line| line.strip_prefix("[exit ")).map(|line| line.trim_end_matches(']')) {
        Some(code) => {
            said.pop();
            code.parse().unwrap()
        }
        None => 0,
    };
    let output = shell(dir, command).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "$ {command}\n{printed}");
    compare(command, &said, &printed);
}

/// Starts a command that runs on, and waits for the lines that the page shows of it.
fn started(dir: &Path, command: &str, said: &[&str]) -> Child {
    // The command itself and not the shell is what is ended later.
    let mut child = shell(dir, &format!("exec {command}")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Vec<String> = lines.by_ref().take(said.len()).map(Result::unwrap).collect();
    std::thread::spawn(move || lines.for_each(drop));
    compare(command, said, &first.join("\n"));
    child
}

fn compare(command: &str, said: &[&str], printed: &str) {
    let printed_lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    assert!(agree(said, &printed_lines), "$ {command}\nthe page says:\n{}\n\nprinted:\n{printed}", said.join("\n"));
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

/// Whether a line is as the page has it; `...` stands for any text within, `:PORT` for any port.
fn line_agrees(page: &str, printed: &str) -> bool {
    let (dots, port) = (page.find("..."), page.find(":PORT"));
    match (dots, port) {
        (None, None) => page == printed,
        (_, Some(at)) if dots.is_none_or(|dots| at < dots) => {
            let rest = printed.strip_prefix(&page[..at]).and_then(|rest| rest.strip_prefix(':'));
            rest.is_some_and(|rest| {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                after.len() < rest.len() && line_agrees(&page[at + ":PORT".len()..], after)
            })
        }
        (at, _) => {
            let at = at.unwrap_or_default();
            printed.strip_prefix(&page[..at]).is_some_and(|rest| {
                (0..=rest.len())
                    .filter(|from| rest.is_char_boundary(*from))
                    .any(|from| line_agrees(&page[at + "...".len()..], &rest[from..]))
            })
        }
    }
}

#[test]
fn dots_stand_for_what_the_page_leaves_out() {
    assert!(agree(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(agree(&["in ... s, all"], &["in 0.3 s, all"]));
    assert!(!agree(&["a", "c"], &["a", "b", "c"]));
    assert!(!line_agrees("a...c", "ab"));
    assert!(line_agrees("at 127.0.0.1:PORT in ... s", "at 127.0.0.1:40123 in 0.1 s"));
    assert!(!line_agrees("at 127.0.0.1:PORT/x", "at 127.0.0.1:/x"));
}
