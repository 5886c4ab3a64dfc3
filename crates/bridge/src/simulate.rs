//! `isocache simulate`.
// The comments above arguments appear in a terminal, not as Markdown.
#![allow(clippy::doc_markdown)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, ValueEnum};
use flate2::bufread::MultiGzDecoder;
use isocache_simulate::{Format, Input, InputOptions, Policy, Recorded, Report, Simulation, parse_sizes};

/// The options of `simulate`.
#[derive(Args, Clone, Debug)]
pub struct Simulate {
    /// The file with the accesses, plain or compressed with gzip; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the file is written [default: detected]
    ///
    /// lines: one key per line. csv: a table, with --column. log: an access log of nginx or Apache; the key is the path with
    /// its query, of GET and HEAD requests. json: one JSON object per line, with --field. numbers: one number per line.
    /// ranges: four numbers per line, the first key, the number of consecutive keys, and two that are ignored. binary: numbers
    /// of 4 bytes.
    #[arg(long, value_name = "FORMAT", value_parser = str::parse::<Format>)]
    format: Option<Format>,
    /// The column of the key in CSV: its name in the first row, or its number from 1 if no row has names
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// The field of the key in JSON, such as key or request.path
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// The sizes of the cache in entries, such as 500,2k,1m [default: from a thousandth of the keys to all of them]
    #[arg(long, value_name = "SIZES", value_parser = Sizes::parse, allow_hyphen_values = true)]
    sizes: Option<Sizes>,
    /// The policies: lru, s3fifo, fifo, sieve, arc, optimum [default: all]
    #[arg(long, value_name = "POLICIES", value_delimiter = ',', value_parser = str::parse::<Policy>)]
    policies: Vec<Policy>,
    /// What to print
    #[arg(long, value_name = "OUTPUT", default_value = "table")]
    output: Output,
    /// A file for the chart, in SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// Sizes, as one argument.
#[derive(Clone, Debug)]
struct Sizes(Vec<u32>);

impl Sizes {
    fn parse(text: &str) -> Result<Self, String> {
        parse_sizes(text).map(Self)
    }
}

/// The form of the output.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Output {
    /// A table for people, and the recommended sizes.
    Table,
    /// A row for each policy and size.
    Csv,
    /// Everything, for programs.
    Json,
    /// The chart.
    Svg,
}

/// Simulates, and prints the report.
///
/// # Errors
/// If the file cannot be read or parsed. The error says why.
pub(super) fn main(arguments: &Simulate) -> Result<(), String> {
    let options =
        InputOptions { format: arguments.format, column: arguments.column.clone(), field: arguments.field.clone() };
    let recorded = read(&arguments.file, options)?;
    let mut policies = Simulation::default().policies;
    if !arguments.policies.is_empty() {
        policies.retain(|policy| arguments.policies.contains(policy));
    }
    let simulation = Simulation { policies, sizes: arguments.sizes.as_ref().map(|sizes| sizes.0.clone()) };
    let bar = Bar::new("simulating");
    let report = simulation.run(&recorded, |done, of| bar.show(done as u64, of as u64));
    drop(bar);
    if let Some(warning) = report.warning() {
        eprintln!("isocache: {}: {warning}", name(&arguments.file));
    }
    // First, so that the work is not lost if the chart cannot be written.
    let printed = print(&text(&report, arguments.output));
    if let Some(chart) = &arguments.chart {
        std::fs::write(chart, report.svg()).map_err(|error| format!("cannot write {}: {error}", chart.display()))?;
    }
    printed
}

fn text(report: &Report, output: Output) -> String {
    match output {
        Output::Table => report.table(),
        Output::Csv => report.csv(),
        Output::Json => report.json(),
        Output::Svg => report.svg(),
    }
}

/// A closed pipe, as `head` leaves it, is not an error.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write the report: {error}")),
        _ => Ok(()),
    }
}

fn name(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".into() } else { file.display().to_string() }
}

fn read(file: &Path, options: InputOptions) -> Result<Recorded, String> {
    let name = name(file);
    let failed = |error: io::Error| format!("cannot read {name}: {error}");
    let (source, length): (Box<dyn Read>, _) = if file.as_os_str() == "-" {
        if io::stdin().is_terminal() {
            return Err("standard input is a terminal: pipe accesses into it, or name a file".into());
        }
        (Box::new(io::stdin()), 0)
    } else {
        let opened = File::open(file).map_err(failed)?;
        let length = opened.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(opened), length)
    };
    let done = AtomicU64::new(0);
    let mut source = BufReader::with_capacity(1 << 16, Counted { source, done: &done });
    let beginning = source.fill_buf().map_err(failed)?;
    let mut source: Box<dyn Read> =
        if beginning.starts_with(b"\x1f\x8b") { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) };
    let bar = Bar::new("reading");
    let mut input = Input::new(options);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(length_read) => input.push(&buffer[..length_read]).map_err(|error| format!("{name}: {error}"))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
        bar.show(done.load(Ordering::Relaxed), length);
    }
    input.finish().map_err(|error| format!("{name}: {error}"))
}

/// Counts the bytes read.
struct Counted<'a> {
    source: Box<dyn Read>,
    done: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A progress bar on standard error, if that is a terminal. It disappears when it is dropped.
struct Bar {
    title: &'static str,
    is_shown: bool,
    /// The percentage shown, or the mebibytes if the total is unknown.
    last: AtomicU64,
}

impl Bar {
    const WIDTH: u64 = 40;

    fn new(title: &'static str) -> Self {
        Self { title, is_shown: io::stderr().is_terminal(), last: AtomicU64::new(u64::MAX) }
    }

    fn show(&self, done: u64, of: u64) {
        if !self.is_shown {
            return;
        }
        let hundredth = (done.min(of) * 100).checked_div(of);
        let step = hundredth.unwrap_or(done >> 20);
        if self.last.swap(step, Ordering::Relaxed) == step {
            return;
        }
        let title = self.title;
        // It does not matter if it cannot be shown.
        let _ = if hundredth.is_none() {
            write!(io::stderr(), "\r{title} {step} MiB")
        } else {
            let bar: String =
                (1..=Self::WIDTH).map(|part| if part * 100 <= step * Self::WIDTH { '█' } else { '░' }).collect();
            write!(io::stderr(), "\r{title:<10} {bar} {step:>3} %")
        };
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
