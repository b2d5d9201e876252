//! Compression of sections with zstd (RFC 8878), each in one frame of known length.

use std::io::{self, BufRead, Read, Write};

/// The largest window that a reader makes room for, as a power of two: 16 MiB. The levels used
/// here need less.
const WINDOW_LOG: u32 = 24;

/// How much effort is spent on compressing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// zstd's level.
    pub(crate) level: i32,
    /// Threads that work on one section.
    pub(crate) threads: u32,
}

/// Writes `pieces`, `raw_bytes` in all, as one section to `to`. What is empty takes no bytes.
pub(crate) fn compress<'a>(
    effort: Effort,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    raw_bytes: u64,
    to: impl Write,
) -> io::Result<()> {
    if raw_bytes == 0 {
        return Ok(());
    }
    let mut encoder = compressor(effort, raw_bytes, to)?;
    pieces.into_iter().try_for_each(|piece| encoder.write_all(piece))?;
    encoder.finish().map(drop)
}

/// The same for content that comes bit by bit; the caller finishes it after exactly `raw_bytes`,
/// which is not zero.
pub(crate) fn compressor<W: Write>(
    effort: Effort,
    raw_bytes: u64,
    to: W,
) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    let mut encoder = zstd::stream::write::Encoder::new(to, effort.level)?;
    encoder.set_pledged_src_size(Some(raw_bytes))?;
    // The formats have a seal over every byte.
    encoder.include_checksum(false)?;
    if effort.threads > 1 {
        encoder.multithread(effort.threads)?;
    }
    Ok(encoder)
}

/// Expands one section that is all in memory into exactly `raw_bytes`, which the caller has
/// compared with its caps. Memory is asked for, and may be refused, at once.
pub(crate) fn expand(stored: &[u8], raw_bytes: u64) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(raw_bytes).map_err(io::Error::other)?;
    let mut raw = Vec::new();
    raw.try_reserve_exact(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut expander = Expander::new(stored, stored.len() as u64, raw_bytes)?;
    // Bounded by the capacity, so that the vector is never made larger.
    (&mut expander).take(raw_bytes).read_to_end(&mut raw)?;
    expander.finish()?;
    Ok(raw)
}

/// A section being expanded: gives exactly as many bytes as were declared, or an error.
pub(crate) struct Expander<R: BufRead> {
    /// `None` for an empty section, which has no frame.
    frame: Option<zstd::stream::read::Decoder<'static, io::Take<R>>>,
    left: u64,
}

impl<R: BufRead> Expander<R> {
    /// Reads `stored_bytes` of `from`.
    pub(crate) fn new(from: R, stored_bytes: u64, raw_bytes: u64) -> io::Result<Expander<R>> {
        if raw_bytes == 0 {
            let empty = Expander { frame: None, left: 0 };
            return if stored_bytes == 0 { Ok(empty) } else { Err(invalid("a section is longer than declared")) };
        }
        let mut decoder = zstd::stream::read::Decoder::with_buffer(from.take(stored_bytes))?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Expander { frame: Some(decoder), left: raw_bytes })
    }

    /// Checks that the section ends where it was declared to.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.left > 0 {
            return Err(invalid("a section is shorter than declared"));
        }
        let Some(mut decoder) = self.frame else { return Ok(()) };
        if decoder.read(&mut [0])? > 0 {
            return Err(invalid("a section is longer than declared"));
        }
        if decoder.finish().limit() > 0 {
            return Err(invalid("a section has bytes behind its end"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Expander<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(decoder) = self.frame.as_mut().filter(|_| most > 0) else { return Ok(0) };
        let read = decoder.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
