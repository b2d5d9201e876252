//! Progress of an image build: a bar on a terminal, plain lines elsewhere, always on standard
//! error.

use crate::report::{notice, size};
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
    /// A line when a stage starts, and now and then while it lasts.
    Lines { stage: Option<Stage>, last: Instant },
}

impl Display {
    /// The right kind for where standard error goes.
    pub(crate) fn new(silent: bool) -> Display {
        if silent {
            Display::Silent
        } else if std::io::stderr().is_terminal() {
            Display::Bar { bar: ProgressBar::new_spinner(), stage: None }
        } else {
            Display::Lines { stage: None, last: Instant::now() }
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
            Display::Lines { stage, last } => {
                let new = stage.replace(progress.stage) != Some(progress.stage);
                if new || last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    notice(&line(progress, new));
                }
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

fn line(progress: Progress, new: bool) -> String {
    let what = describe(progress.stage);
    match progress.total {
        0 => what,
        total if new => format!("{what}, {}", size(total)),
        total => format!("{what}, {} %", progress.done.min(total).saturating_mul(100) / total),
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
    fn a_line_never_shows_more_than_everything() {
        let at = |done, total| line(Progress { stage: Stage::Verify, done, total }, false);
        assert_eq!(at(50, 200), "verify, 25 %");
        assert_eq!(at(300, 200), "verify, 100 %");
        assert_eq!(at(3, 0), "verify");
    }
}
