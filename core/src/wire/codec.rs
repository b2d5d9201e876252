//! Compression of sections. Whether zstd (RFC 8878) is there is decided when the crate is built;
//! a format names what it used, and a reader without it says so.

use std::io::{self, BufRead, Read, Write};

/// The largest window of a zstd frame that a reader makes room for, as a power of two: 16 MiB.
/// The levels used here need less.
#[cfg(feature = "zstd")]
const WINDOW_LOG: u32 = 24;

/// How the sections of one file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Stored,
    Zstd,
}

impl Compression {
    /// What this build writes.
    pub(crate) const WRITTEN: Compression =
        if cfg!(feature = "zstd") { Compression::Zstd } else { Compression::Stored };

    pub(crate) fn number(self) -> u8 {
        match self {
            Compression::Stored => 0,
            Compression::Zstd => 1,
        }
    }

    pub(crate) fn of_number(number: u8) -> Option<Compression> {
        [Compression::Stored, Compression::Zstd].into_iter().find(|found| found.number() == number)
    }

    /// What this build can read, by name.
    pub(crate) fn known() -> &'static str {
        if cfg!(feature = "zstd") { "stored or zstd" } else { "stored" }
    }

    /// True if this build can read it.
    pub(crate) fn is_known(self) -> bool {
        self == Compression::Stored || cfg!(feature = "zstd")
    }

    /// Writes `pieces`, `raw_bytes` in all, to `to`. What is empty takes no bytes.
    pub(crate) fn compress<'a>(
        self,
        level: i32,
        threads: u32,
        pieces: impl Iterator<Item = io::Result<&'a [u8]>>,
        raw_bytes: u64,
        mut to: impl Write,
    ) -> io::Result<()> {
        if raw_bytes == 0 {
            return Ok(());
        }
        match self {
            Compression::Stored => {
                let _ = (level, threads);
                pieces.into_iter().try_for_each(|piece| to.write_all(piece?))
            }
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, level)?;
                encoder.set_pledged_src_size(Some(raw_bytes))?;
                // Our own seal covers every byte.
                encoder.include_checksum(false)?;
                if threads > 1 {
                    encoder.multithread(threads)?;
                }
                pieces.into_iter().try_for_each(|piece| encoder.write_all(piece?))?;
                encoder.finish().map(drop)
            }
        }
    }

    /// Expands one section that is all in memory into exactly `raw_bytes`, which the caller has
    /// compared with its caps. Memory is asked for, and may be refused, at once.
    pub(crate) fn expand(self, stored: &[u8], raw_bytes: u64) -> io::Result<Vec<u8>> {
        let bytes = usize::try_from(raw_bytes).map_err(io::Error::other)?;
        let mut raw = Vec::new();
        raw.try_reserve_exact(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut expander = Expander::new(self, stored, stored.len() as u64, raw_bytes)?;
        (&mut expander).take(raw_bytes).read_to_end(&mut raw)?;
        expander.finish()?;
        Ok(raw)
    }
}

/// A section being expanded: gives exactly as many bytes as were declared, or an error.
pub(crate) struct Expander<R: BufRead> {
    stream: Stream<R>,
    left: u64,
}

enum Stream<R: BufRead> {
    Empty,
    Stored(io::Take<R>),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::stream::read::Decoder<'static, io::Take<R>>>),
}

impl<R: BufRead> Expander<R> {
    /// Reads `stored_bytes` of `from`.
    pub(crate) fn new(how: Compression, from: R, stored_bytes: u64, raw_bytes: u64) -> io::Result<Expander<R>> {
        let from = from.take(stored_bytes);
        let stream = match how {
            _ if raw_bytes == 0 && stored_bytes == 0 => Stream::Empty,
            _ if raw_bytes == 0 => return Err(invalid("a section is stored that is declared empty")),
            Compression::Stored if stored_bytes != raw_bytes => {
                return Err(invalid("a section is stored with another length than declared"));
            }
            Compression::Stored => Stream::Stored(from),
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => return Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(from)?.single_frame();
                decoder.window_log_max(WINDOW_LOG)?;
                Stream::Zstd(Box::new(decoder))
            }
        };
        Ok(Expander { stream, left: raw_bytes })
    }

    /// Checks that the section ends where it was declared to.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(invalid("a section is shorter than declared"));
        }
        if self.stream.read(&mut [0])? > 0 {
            return Err(invalid("a section is longer than declared"));
        }
        match self.stream {
            Stream::Empty => Ok(()),
            Stream::Stored(from) => ends(from.limit()),
            #[cfg(feature = "zstd")]
            Stream::Zstd(decoder) => ends(decoder.finish().limit()),
        }
    }
}

fn ends(left: u64) -> io::Result<()> {
    if left > 0 { Err(invalid("a section has bytes behind its end")) } else { Ok(()) }
}

impl<R: BufRead> Read for Expander<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.stream.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Empty => Ok(0),
            Stream::Stored(from) => from.read(buffer),
            #[cfg(feature = "zstd")]
            Stream::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
