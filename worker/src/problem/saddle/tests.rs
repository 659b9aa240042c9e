//! Derivatives against finite differences, and the formulas against their plain words.
