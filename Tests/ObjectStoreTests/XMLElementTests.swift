import Testing

@testable import ObjectStore

struct XMLElementTests {
    func parse(_ text: String) throws -> XMLElement { try XMLElement.parse(Array(text.utf8)) }

    @Test func `elements, text, entities and sections are read`() throws {
        let root = try parse(
            """
            \u{FEFF}<?xml version="1.0" encoding="UTF-8"?><!-- c -->
            <a:Root xmlns:a="x" b='c>d'><Key>x &amp; &lt;y&gt; &#233;&#x1F986;&quot;&apos;</Key><Key/><Key></Key>
            <C><![CDATA[<raw> &amp;]]> tail</C><!-- <Key>no</Key> --></a:Root>
            """)
        #expect(root.name == "Root")
        #expect(root.children("Key").map(\.text) == ["x & <y> é🦆\"'", "", ""])
        #expect(root.text("C") == "<raw> &amp; tail")
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "<a><b></a></b>", "<a/><b/>", "<a>&unknown;</a>", "<a>&amp</a>",
        "<a>&#xD800;</a>",
        "<a b></a>", "<a b=c></a>", "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<a><![CDATA[x</a>",
        "<a><!-- x</a>", "<a", "<a b=\"c", "</a>", "<>x</>", "<a>\u{0}<b</a>",
    ]) func `what is no whole document is refused`(text: String) {
        #expect(throws: XMLElement.SyntaxError.self) { try parse(text) }
    }

    @Test func `every part of a document is refused or read, never more`() throws {
        let bytes = Array("<?xml version=\"1.0\"?><a b=\"c\"><d>e&amp;f</d><![CDATA[g]]></a>".utf8)
        for end in 0..<bytes.count {
            #expect(throws: XMLElement.SyntaxError.self) { try XMLElement.parse(Array(bytes[..<end])) }
        }
    }

    @Test func `depth and count are bounded`() throws {
        let depth = XMLElement.depthMax
        func nested(_ count: Int) -> String {
            String(repeating: "<a>", count: count) + String(repeating: "</a>", count: count)
        }
        _ = try parse(nested(depth))
        #expect(throws: XMLElement.SyntaxError.self) { try parse(nested(depth + 1)) }
        let many = String(repeating: "<b/>", count: XMLElement.elementsMax)
        #expect(throws: XMLElement.SyntaxError.self) { try parse("<a>\(many)</a>") }
    }

    @Test func `what is escaped is read back`() throws {
        let text = "a&b<c>d]]>\"'é"
        #expect(try parse("<a>\(XMLElement.escape(text))</a>").text == text)
    }
}
