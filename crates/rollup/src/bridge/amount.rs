//! Amounts as people write them.

use alloy_primitives::U256;

use super::BridgeError;

/// Reads `text`, such as `0.5`, as an amount of something with `decimals` decimals.
///
/// # Errors
/// It is no decimal number, has too many decimals, or is too large.
pub fn parse_amount(text: &str, decimals: u8) -> Result<U256, BridgeError> {
    let no = |message: &str| BridgeError::Amount { text: text.into(), message: message.into() };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(no("not a decimal number"));
    }
    let places = usize::from(decimals);
    if fraction.len() > places {
        return Err(no(&format!("more than {decimals} decimals")));
    }
    let all = format!("{whole}{fraction:0<places$}");
    U256::from_str_radix(if all.is_empty() { "0" } else { &all }, 10).map_err(|_| no("too large"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let ether = |text| parse_amount(text, 18).unwrap();
        assert_eq!(ether("0.5"), U256::from(500_000_000_000_000_000_u64));
        assert_eq!(ether(".5"), ether("0.500"));
        assert_eq!(ether("2"), U256::from(2_000_000_000_000_000_000_u64));
        assert_eq!(parse_amount("7", 0).unwrap(), U256::from(7));
        for (text, decimals) in
            [("", 18), (".", 18), ("1e3", 18), ("-1", 18), ("0.1", 0), ("1,5", 6)]
        {
            assert!(parse_amount(text, decimals).is_err(), "{text}");
        }
        assert!(parse_amount(&"9".repeat(80), 18).is_err());
    }
}
