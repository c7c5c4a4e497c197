import CRoaring

/// A set of non-negative 64-bit positions: one 32-bit roaring bitmap for each upper half in use.
public struct Bitmap64 {}
