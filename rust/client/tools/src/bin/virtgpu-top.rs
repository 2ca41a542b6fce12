// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Shows who uses how much memory of the virtio GPUs, and what they do each second.
use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use ratatui::{
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers},
    layout::{Constraint, Layout},
    text::Line,
    widgets::{Block, Row, Sparkline, Table},
    DefaultTerminal, Frame,
};
use virtgpu_tools::{
    cli,
    counters::Counters,
    usage::{processes, size, Sample},
};

/// How many past values a plot has at most.
const HISTORY: usize = 300;
/// The counters that have a plot: the first ones of [`Counters::rows`].
const PLOTS: usize = 3;

/// What was seen so far.
struct View {
    sample: Sample,
    time: Instant,
    /// Rates of the first device, the newest first.
    rates: VecDeque<Counters>,
    /// Bytes of all clients, the newest first.
    memory: VecDeque<u64>,
}

fn counters(sample: &Sample) -> Option<Counters> {
    Some(sample.gpus.first()?.queues.as_ref().ok()?.counters)
}

/// Returns a counter for each second.
fn per_second(counted: u64, seconds: f64) -> u64 {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    // The rates are rounded for people.
    {
        (counted as f64 / seconds.max(0.001)).round() as u64
    }
}

impl View {
    fn new() -> Self {
        Self {
            sample: Sample::take(),
            time: Instant::now(),
            rates: VecDeque::new(),
            memory: VecDeque::new(),
        }
    }

    fn update(&mut self) {
        let sample = Sample::take();
        let seconds = self.time.elapsed().as_secs_f64();
        self.time = Instant::now();
        if let (Some(new), Some(old)) = (counters(&sample), counters(&self.sample)) {
            let since = new.since(old);
            self.rates.push_front(Counters {
                commands: per_second(since.commands, seconds),
                kicks: per_second(since.kicks, seconds),
                interrupts: per_second(since.interrupts, seconds),
                errors: per_second(since.errors, seconds),
                dropped: per_second(since.dropped, seconds),
                resets: per_second(since.resets, seconds),
                late_fences: per_second(since.late_fences, seconds),
            });
        }
        self.memory
            .push_front(sample.clients.iter().map(|client| client.usage.total).sum());
        self.rates.truncate(HISTORY);
        self.memory.truncate(HISTORY);
        self.sample = sample;
    }

    /// Says what the first device does.
    fn state(&self) -> String {
        match self.sample.gpus.first() {
            None => virtgpu::Error::NoDevice.to_string(),
            Some(gpu) => match &gpu.queues {
                Ok(queues) => format!(
                    "{} {}: {}, {} contexts, {} resets (last: {}), {} late fences",
                    gpu.bus_id,
                    gpu.module,
                    queues.state,
                    queues.contexts,
                    queues.counters.resets,
                    queues.last_reset,
                    queues.counters.late_fences
                ),
                Err(why) => format!("{} {}: {why}", gpu.bus_id, gpu.module),
            },
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [title, plots, table] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(5),
            Constraint::Min(3),
        ])
        .areas(frame.area());
        frame.render_widget(Line::raw(self.state()), title);
        let areas: [_; PLOTS + 1] =
            Layout::horizontal([Constraint::Fill(1); PLOTS + 1]).areas(plots);
        let now = self.rates.front().copied().unwrap_or_default().rows();
        for (index, area) in areas.into_iter().enumerate() {
            let (name, data): (_, Vec<u64>) = match now.get(index).filter(|_| index < PLOTS) {
                Some((name, value)) => (
                    format!("{name}/s: {value}"),
                    self.rates
                        .iter()
                        .map(|rates| rates.rows()[index].1)
                        .collect(),
                ),
                None => (
                    format!(
                        "memory: {}",
                        size(self.memory.front().copied().unwrap_or(0))
                    ),
                    self.memory.iter().copied().collect(),
                ),
            };
            let plot = Sparkline::default()
                .block(Block::bordered().title(name))
                .data(&data);
            frame.render_widget(plot, area);
        }
        frame.render_widget(self.table(), table);
    }

    fn table(&self) -> Table<'_> {
        let rows = self.sample.clients.iter().map(|client| {
            let usage = &client.usage;
            Row::new([
                usage.client.to_string(),
                size(usage.total),
                size(usage.resident),
                size(usage.shared),
                size(usage.active),
                usage.name.clone().unwrap_or_default(),
                processes(client),
            ])
        });
        let widths = [8, 11, 11, 11, 11, 16].map(Constraint::Length);
        let widths = widths.into_iter().chain([Constraint::Fill(1)]);
        Table::new(rows, widths)
            .header(Row::new([
                "client",
                "total",
                "resident",
                "shared",
                "active",
                "name",
                "processes",
            ]))
            .block(Block::bordered().title("clients"))
    }
}

/// Returns everything as lines.
fn text(sample: &Sample) -> String {
    let mut lines = Vec::new();
    for gpu in &sample.gpus {
        lines.push(format!("{} {}", gpu.bus_id, gpu.module));
        match &gpu.queues {
            Ok(queues) => {
                lines.push(format!(
                    "  state: {}, last reset: {}",
                    queues.state, queues.last_reset
                ));
                lines.push(format!("  contexts: {}", queues.contexts));
                for (name, value) in queues.counters.rows() {
                    lines.push(format!("  {name}: {value}"));
                }
            }
            Err(why) => lines.push(format!("  {why}")),
        }
    }
    for client in &sample.clients {
        let usage = &client.usage;
        lines.push(format!(
            "client {}: {} ({} resident, {} shared): {}",
            usage.client,
            size(usage.total),
            size(usage.resident),
            size(usage.shared),
            processes(client)
        ));
    }
    lines.join("\n")
}

/// Returns whether a key ends the program. A terminal in this mode reports Ctrl-C as a key.
fn ends(key: KeyEvent) -> bool {
    let is_control_c =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    is_control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

/// Shows everything again and again until a key ends it.
fn show(terminal: &mut DefaultTerminal, interval: Duration) -> io::Result<()> {
    let mut view = View::new();
    loop {
        terminal.draw(|frame| view.draw(frame))?;
        let next = view.time + interval;
        while event::poll(next.saturating_duration_since(Instant::now()))? {
            if let Event::Key(key) = event::read()? {
                if ends(key) {
                    return Ok(());
                }
            }
        }
        view.update();
    }
}

fn main() -> io::Result<()> {
    let arguments = cli::top().get_matches();
    if arguments.get_flag("once") {
        let sample = Sample::take();
        return cli::print(&if arguments.get_flag("json") {
            format!("{:#}", sample.json())
        } else {
            text(&sample)
        });
    }
    let seconds = arguments.get_one("interval").copied().unwrap_or(1);
    let mut terminal = ratatui::init();
    let result = show(&mut terminal, Duration::from_secs(seconds));
    ratatui::restore();
    result
}

#[cfg(test)]
mod tests {
    use ratatui::{backend::TestBackend, Terminal};

    use super::*;

    #[test]
    fn a_view_fits_small_terminals() {
        for (width, height) in [(1, 1), (20, 4), (100, 30)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let mut view = View::new();
            view.update();
            terminal.draw(|frame| view.draw(frame)).unwrap();
        }
    }

    #[test]
    fn rates_are_for_a_second() {
        assert_eq!(per_second(10, 2.0), 5);
    }
}
