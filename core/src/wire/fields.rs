//! Little-endian fields of a header, read in order.

/// The bytes that have not been read yet.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes, or `None` past the end.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Text in `N` bytes, filled up with NUL: printable ASCII without spaces.
    pub(crate) fn padded<const N: usize>(&mut self) -> Option<String> {
        let field = self.array::<N>()?;
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(N);
        let (text, padding) = field.split_at(end);
        let good = text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|byte| *byte == 0);
        good.then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// Writes what [`Fields::padded`] reads. `None` for text that it would not give back.
    pub(crate) fn pad<const N: usize>(text: &str) -> Option<[u8; N]> {
        let mut field = [0; N];
        field.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        text.bytes().all(|byte| byte.is_ascii_graphic()).then_some(field)
    }
}
