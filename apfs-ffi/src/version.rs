//! Version of the library and of the header.

use core::ffi::c_char;

/// Major version of the header.
pub const APFS_VERSION_MAJOR: u32 = 0;
/// Minor version of the header.
pub const APFS_VERSION_MINOR: u32 = 1;
/// Patch version of the header.
pub const APFS_VERSION_PATCH: u32 = 0;
/// Version of the header as one number that grows: major << 16 | minor << 8 | patch.
pub const APFS_VERSION_NUMBER: u32 =
    (APFS_VERSION_MAJOR << 16) | (APFS_VERSION_MINOR << 8) | APFS_VERSION_PATCH;

/// Version of the library as text, for example "0.1.0". Compare with APFS_VERSION of the header.
#[unsafe(no_mangle)]
pub extern "C" fn apfs_version() -> *const c_char {
    c"0.1.0".as_ptr()
}

/// Version of the library as a number. Compare with APFS_VERSION_NUMBER of the header.
#[unsafe(no_mangle)]
pub extern "C" fn apfs_version_number() -> u32 {
    APFS_VERSION_NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers and the text are those of the package.
    #[test]
    fn is_that_of_the_package() {
        let numbers = format!("{APFS_VERSION_MAJOR}.{APFS_VERSION_MINOR}.{APFS_VERSION_PATCH}");
        assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
        // SAFETY: a literal that ends with a NUL.
        let text = unsafe { core::ffi::CStr::from_ptr(apfs_version()) };
        assert_eq!(text.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
