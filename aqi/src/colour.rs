use core::fmt;

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::hex(0x00_00_00);
    /// White.
    pub const WHITE: Self = Self::hex(0xFF_FF_FF);

    /// From `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self { red: (rgb >> 16) as u8, green: (rgb >> 8) as u8, blue: rgb as u8 }
    }

    /// Black or white, whichever is easier to read on this colour. On every colour of this
    /// crate the contrast is at least 4.5 to 1, as WCAG 2.2 asks for (success criterion
    /// 1.4.3).
    pub const fn text(self) -> Self {
        // Relative luminance in 255² · 10⁴ with a gamma of 2 in place of sRGB's curve of
        // about 2.2. Black and white are read equally well at 0.179 of the exact curve, and
        // at about 0.189 of this one.
        let luminance = 2_126 * (self.red as u64 * self.red as u64)
            + 7_152 * (self.green as u64 * self.green as u64)
            + 722 * (self.blue as u64 * self.blue as u64);
        if luminance > 255 * 255 * 1_890 { Self::BLACK } else { Self::WHITE }
    }
}

impl fmt::Display for Colour {
    /// As in CSS: `#9CFF9C`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.red, self.green, self.blue)
    }
}

/// Samples of viridis (S. van der Walt and N. Smith for matplotlib, CC0) from light to dark: its
/// lightness decreases evenly, so that the order is visible without colour vision.
pub(crate) const SAFE_4: [Colour; 4] =
    [Colour::hex(0xFDE725), Colour::hex(0x35B779), Colour::hex(0x31688E), Colour::hex(0x440154)];
/// Five samples of viridis; see [`SAFE_4`].
pub(crate) const SAFE_5: [Colour; 5] = [
    Colour::hex(0xFDE725),
    Colour::hex(0x5DC863),
    Colour::hex(0x21908C),
    Colour::hex(0x3B528B),
    Colour::hex(0x440154),
];
/// Six samples of viridis; see [`SAFE_4`].
pub(crate) const SAFE_6: [Colour; 6] = [
    Colour::hex(0xFDE725),
    Colour::hex(0x7AD151),
    Colour::hex(0x22A884),
    Colour::hex(0x2A788E),
    Colour::hex(0x414487),
    Colour::hex(0x440154),
];
