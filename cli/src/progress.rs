//! Progress of an image build: a bar on a terminal, plain lines elsewhere, always on standard
//! error.

use crate::report::notice;
use indicatif::{ProgressBar, ProgressStyle};
use sandcell::{Progress, Stage};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How often a log gets a line while one stage goes on.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows progress to the user.
pub(crate) enum Display {
    /// Says nothing.
    Silent,
    /// One bar per stage, on a terminal.
    Bar { bar: ProgressBar, stage: Option<Stage> },
    /// A line when a stage starts, and now and then while it goes on.
    Lines { stage: Option<Stage>, percent: u64, last: Instant },
}

impl Display {
    /// The right kind for where standard error goes.
    pub(crate) fn new(silent: bool) -> Display {
        if silent {
            Display::Silent
        } else if std::io::stderr().is_terminal() {
            Display::Bar { bar: ProgressBar::new_spinner(), stage: None }
        } else {
            Display::Lines { stage: None, percent: 0, last: Instant::now() }
        }
    }

    /// Announces work of unknown length.
    pub(crate) fn say(&self, what: &str) {
        match self {
            Display::Silent => {}
            Display::Bar { bar, .. } => {
                bar.set_message(what.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            Display::Lines { .. } => notice(what),
        }
    }

    /// Shows how far a build is.
    pub(crate) fn update(&mut self, progress: Progress) {
        match self {
            Display::Silent => {}
            Display::Bar { bar, stage } => {
                if stage.replace(progress.stage) != Some(progress.stage) {
                    bar.set_style(bar_style());
                    bar.set_message(describe(progress.stage));
                    bar.reset();
                }
                bar.set_length(progress.total);
                bar.set_position(progress.done.min(progress.total));
            }
            Display::Lines { stage, percent, last } => {
                let begins = stage.replace(progress.stage) != Some(progress.stage);
                let now = percent_of(progress);
                if begins {
                    notice(&describe(progress.stage));
                } else if now > *percent && last.elapsed() >= LINE_EVERY {
                    notice(&format!("{}, {now} %", progress.stage.as_str()));
                } else {
                    return;
                }
                (*percent, *last) = (now, Instant::now());
            }
        }
    }

    /// Clears the bar, so that what follows starts on a clean line.
    pub(crate) fn finish(self) {
        if let Display::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

/// How far a stage is; never more than all of it.
fn percent_of(progress: Progress) -> u64 {
    match progress.total {
        0 => 0,
        total => (progress.done.min(total) as f64 / total as f64 * 100.0) as u64,
    }
}

fn describe(stage: Stage) -> String {
    match stage {
        Stage::Compile => "compile (once per machine, about a minute)".to_owned(),
        other => other.as_str().to_owned(),
    }
}

fn bar_style() -> ProgressStyle {
    // The template is a constant; indicatif's own style serves if it were wrong.
    ProgressStyle::with_template("{msg} [{bar:32}] {percent:>3} % {elapsed}")
        .map(|style| style.progress_chars("=> "))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_never_more_than_everything() {
        let at = |done, total| percent_of(Progress { stage: Stage::Verify, done, total });
        assert_eq!((at(50, 200), at(300, 200), at(3, 0), at(u64::MAX, u64::MAX)), (25, 100, 0, 100));
    }
}
