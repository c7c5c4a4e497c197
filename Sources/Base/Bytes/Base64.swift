/// Base64 of RFC 4648, standard and URL-safe alphabets.
public enum Base64 {
    public enum Alphabet: Sendable { case standard, urlSafe }

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The standard alphabet is padded with `=`, the URL-safe one is not.
    public static func encode(_ bytes: some Collection<UInt8>, alphabet: Alphabet = .standard) -> String {
        let table = alphabet == .standard ? standard : urlSafe
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var bits: UInt32 = 0
        var pending = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            pending += 8
            while pending >= 6 {
                pending -= 6
                text.append(table[Int(bits >> UInt32(pending) & 63)])
            }
        }
        if pending > 0 { text.append(table[Int(bits << UInt32(6 - pending) & 63)]) }
        if alphabet == .standard {
            while text.count % 4 != 0 { text.append(0x3D) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Takes both alphabets, padding optional; nil for anything else, including non-zero left-over bits.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var pending = 0
        var digits = 0
        var padding = 0
        for character in text.utf8 {
            if character == 0x3D {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: character) else { return nil }
            digits += 1
            bits = bits << 6 | UInt32(value)
            pending += 6
            if pending >= 8 {
                pending -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(pending)))
            }
        }
        guard pending < 6, bits & (1 << UInt32(pending) - 1) == 0 else { return nil }
        guard padding == 0 || (digits + padding) % 4 == 0 && padding <= 2 else { return nil }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61 + 26
        case 0x30...0x39: character - 0x30 + 52
        case 0x2B, 0x2D: 62
        case 0x2F, 0x5F: 63
        default: nil
        }
    }
}
