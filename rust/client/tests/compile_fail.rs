// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Misuses that must not compile, each with the compiler's message.
#[test]
fn misuses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
