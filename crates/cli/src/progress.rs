//! Progress on a terminal: one bar a source.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex};

use hedui_base::SourceId;
use hedui_verify::{Event, Progress, Silent};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Bars on a terminal, nothing when quiet, in a pipe, or with `--json`.
pub(crate) fn bars(quiet: bool) -> Arc<dyn Progress> {
    if quiet || !std::io::stderr().is_terminal() {
        return Arc::new(Silent);
    }
    Arc::new(Bars { multi: MultiProgress::new(), state: Mutex::new(State::default()) })
}

struct Bars {
    multi: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sources: HashMap<SourceId, ProgressBar>,
    compared: Option<ProgressBar>,
}

impl Bars {
    fn bar(&self, total: usize, name: String) -> ProgressBar {
        let style = ProgressStyle::with_template("{prefix:<24} {bar:32} {pos:>7}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.multi.add(ProgressBar::new(total as u64).with_style(style).with_prefix(name))
    }
}

impl Progress for Bars {
    fn event(&self, event: Event) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Planned { source, title, total, reused } => {
                let bar = self.bar(total, format!("{title} {source}"));
                bar.set_position(reused as u64);
                state.sources.insert(source, bar);
            }
            Event::Settled { source, count, .. } => {
                if let Some(bar) = state.sources.get(&source) {
                    bar.inc(count as u64);
                }
            }
            Event::Trouble { source, cause } => {
                if let Some(bar) = state.sources.get(&source) {
                    bar.set_message(cause);
                }
            }
            Event::Done { source } => {
                if let Some(bar) = state.sources.get(&source) {
                    bar.finish();
                }
            }
            Event::Compared { done, total } => {
                let bar = state.compared.get_or_insert_with(|| self.bar(total, "compared".to_owned()));
                bar.set_position(done as u64);
                if done >= total {
                    bar.finish();
                }
            }
            Event::Sent { .. } | Event::Quarantined { .. } => {}
        }
    }
}
