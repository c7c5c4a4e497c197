/// Steps of a JSON pointer (RFC 6901 §3).
package enum JSONPointer {
    /// `name` as one step, with its slash.
    package static func step(_ name: some StringProtocol) -> String {
        var text = "/"
        for character in name.unicodeScalars {
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    /// The name that a step without its slash stands for.
    package static func unescape(_ step: some StringProtocol) -> String {
        var text = String.UnicodeScalarView()
        var isEscaped = false
        for character in step.unicodeScalars {
            if isEscaped {
                text.append(character == "1" ? "/" : "~")
                isEscaped = false
            } else if character == "~" {
                isEscaped = true
            } else {
                text.append(character)
            }
        }
        return String(text)
    }
}
