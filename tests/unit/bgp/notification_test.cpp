// What NOTIFICATIONs say, and how it is told to an operator.
#include "notification.hpp"

#include <doctest/doctest.h>

#include "family.hpp"
#include "message.hpp"

using bgp::Buffer;
using bgp::describe;
using bgp::Notification;

namespace {

Buffer bytes(std::string_view text) {
  return Buffer(text.begin(), text.end());
}
Buffer counted(std::string_view text) {
  Buffer out{static_cast<std::uint8_t>(text.size())};
  bgp::put(out, bytes(text));
  return out;
}
std::string repeated(std::size_t n, std::string_view text) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

}  // namespace

TEST_CASE("families have names, or numbers") {
  struct Row {
    bgp::Family family;
    std::string text;
  };
  for (const Row& row :
       {Row{{1, 1}, "ipv4-unicast"}, Row{{1, 2}, "ipv4-multicast"}, Row{{1, 4}, "ipv4-labelled"},
        Row{{1, 128}, "ipv4-vpn"}, Row{{1, 133}, "ipv4-flowspec"},
        Row{{1, 134}, "ipv4-vpn-flowspec"}, Row{{2, 1}, "ipv6-unicast"},
        Row{{2, 2}, "ipv6-multicast"}, Row{{2, 4}, "ipv6-labelled"}, Row{{2, 128}, "ipv6-vpn"},
        Row{{2, 133}, "ipv6-flowspec"}, Row{{2, 134}, "ipv6-vpn-flowspec"},
        Row{{25, 70}, "l2vpn-evpn"}, Row{{16388, 71}, "16388/71"}, Row{{65535, 255}, "65535/255"},
        Row{{0, 0}, "0/0"}}) {
    CAPTURE(row.text);
    CHECK(bgp::to_string(row.family) == row.text);
    CHECK(bgp::parse_family(row.text) == row.family);
  }
  CHECK(bgp::parse_family("1/1") == bgp::ipv4_unicast);
  for (const auto* text : {"", "/", "1/", "/1", "65536/1", "1/256", "-1/1", "+1/1", "1/1/1", " 1/1",
                           "1/1 ", "1.1", "ipv4", "ipv4-Unicast", "0x1/1"}) {
    CAPTURE(text);
    CHECK_FALSE(bgp::parse_family(text));
  }
}

TEST_CASE("a shutdown communication is cut at a character's end, RFC 9003") {
  struct Row {
    std::string text, sent;
  };
  const std::string euro = "\xe2\x82\xac", smile = "\xf0\x9f\x98\x80";
  for (const Row& row : {
           Row{"maintenance", "maintenance"},
           Row{std::string(255, 'a'), std::string(255, 'a')},
           Row{std::string(256, 'a'), std::string(255, 'a')},
           Row{repeated(85, euro), repeated(85, euro)},  // 255 bytes: nothing is cut
           Row{"a" + repeated(85, euro), "a" + repeated(84, euro)},
           Row{"ab" + repeated(85, euro), "ab" + repeated(84, euro)},
           Row{repeated(64, smile), repeated(63, smile)},
           Row{std::string(254, 'a') + "\xc3\xa9", std::string(254, 'a')},
           Row{std::string(253, 'a') + "\xc3\xa9", std::string(253, 'a') + "\xc3\xa9"},
       }) {
    CAPTURE(row.text);
    for (const std::uint8_t subcode : {bgp::cease::admin_shutdown, bgp::cease::admin_reset}) {
      const auto n = bgp::cease_with(subcode, row.text);
      CHECK(n == Notification{6, subcode, counted(row.sent)});
      CHECK(bgp::communication_of(n) == row.sent);
    }
  }
  CHECK(bgp::cease_with(2, "") == Notification{6, 2, {}});
  // Only 6/2 and 6/4 carry one.
  for (const std::uint8_t subcode : Buffer{0, 1, 3, 5, 6, 7, 8, 9, 10})
    CHECK(bgp::cease_with(subcode, "text") == Notification{6, subcode, {}});
}

TEST_CASE("a communication is read where there is one") {
  struct Row {
    Notification n;
    std::string text;
  };
  for (const Row& row : {
           Row{{6, 2, counted("bye")}, "bye"},
           Row{{6, 4, counted(std::string(255, 'x'))}, std::string(255, 'x')},
           Row{{6, 2, bytes("\3bye and more")}, "bye"},
           Row{{6, 2, {}}, ""},
           Row{{6, 2, {0}}, ""},
           Row{{6, 2, bytes("\4bye")}, ""},  // overruns
           Row{{6, 3, counted("bye")}, ""},
           Row{{2, 2, counted("bye")}, ""},
           Row{{6, 9, bytes("\6\2\3bye")}, "bye"},
           Row{{6, 9, bytes("\6\3\3bye")}, ""},
           Row{{6, 9, bytes("\6\11\6\2\3bye")}, ""},  // a hard reset is opened once
           Row{{6, 9, {6}}, ""},
       })
    CHECK(bgp::communication_of(row.n) == row.text);
}

TEST_CASE("a hard reset wraps a notification and gives it back, RFC 8538") {
  for (const Notification& inner :
       {Notification{6, 2, counted("bye")}, Notification{4, 0, {}}, Notification{6, 9, {6, 2}}}) {
    const auto outer = bgp::hard_reset_of(inner);
    CHECK(outer.code == 6);
    CHECK(outer.subcode == 9);
    CHECK(bgp::inside_hard_reset(outer) == inner);
  }
  CHECK(bgp::hard_reset_of({6, 4, {7}}) == Notification{6, 9, {6, 4, 7}});
  for (const Notification& none : {Notification{6, 9, {}}, Notification{6, 9, {6}},
                                   Notification{6, 2, {6, 2}}, Notification{5, 9, {6, 2}}})
    CHECK_FALSE(bgp::inside_hard_reset(none));
}

TEST_CASE("what an operator reads") {
  struct Row {
    Notification n;
    std::string text;
  };
  for (const Row& row : {
           Row{{1, 1, {}}, "Message Header Error/Connection Not Synchronized (1/1)"},
           Row{{1, 2, {0x13, 0x88}}, "Message Header Error/Bad Message Length (1/2): length 5000"},
           Row{{1, 2, {0x13}}, "Message Header Error/Bad Message Length (1/2): data 13"},
           Row{{1, 3, {9}}, "Message Header Error/Bad Message Type (1/3): type 9"},
           Row{{2, 0, {}}, "OPEN Message Error/Unspecific (2/0)"},
           Row{{2, 1, {0, 4}},
               "OPEN Message Error/Unsupported Version Number (2/1): supports version 4"},
           Row{{2, 2, {0, 0, 0xfd, 0xe7}}, "OPEN Message Error/Bad Peer AS (2/2): AS 64999"},
           Row{{2, 2, {0xfd, 0xe7}}, "OPEN Message Error/Bad Peer AS (2/2): AS 64999"},
           Row{{2, 2, {1, 2, 3}}, "OPEN Message Error/Bad Peer AS (2/2): data 010203"},
           Row{{2, 3, {192, 0, 2, 1}},
               "OPEN Message Error/Bad BGP Identifier (2/3): identifier 192.0.2.1"},
           Row{{2, 4, {}}, "OPEN Message Error/Unsupported Optional Parameter (2/4)"},
           Row{{2, 6, {0, 2}}, "OPEN Message Error/Unacceptable Hold Time (2/6): hold time 2s"},
           Row{{2, 7, {1, 4, 0, 2, 0, 1, 2, 0, 200, 1, 9}},
               "OPEN Message Error/Unsupported Capability (2/7): Multiprotocol Extensions "
               "ipv6-unicast, Route Refresh, capability 200"},
           Row{{2, 7, {1, 5, 0, 2, 0, 1}},
               "OPEN Message Error/Unsupported Capability (2/7): data 010500020001"},
           Row{{2, 11, {}}, "OPEN Message Error/Role Mismatch (2/11)"},
           Row{{2, 99, {}}, "OPEN Message Error/unknown subcode (2/99)"},
           Row{{3, 1, {}}, "UPDATE Message Error/Malformed Attribute List (3/1)"},
           Row{{3, 3, {3}},
               "UPDATE Message Error/Missing Well-known Attribute (3/3): attribute NEXT_HOP"},
           Row{{3, 5, {0x40, 1, 2, 0, 0}},
               "UPDATE Message Error/Attribute Length Error (3/5): attribute ORIGIN, 4001020000"},
           Row{{3, 2, {0x40, 99, 0}},
               "UPDATE Message Error/Unrecognized Well-known Attribute (3/2): attribute type 99, "
               "406300"},
           Row{{3, 11, {}}, "UPDATE Message Error/Malformed AS_PATH (3/11)"},
           Row{{4, 0, {}}, "Hold Timer Expired (4/0)"},
           Row{{4, 1, {}}, "Hold Timer Expired/unknown subcode (4/1)"},
           Row{{5, 2, {2}},
               "Finite State Machine Error/Receive Unexpected Message in OpenConfirm State (5/2): "
               "got UPDATE"},
           Row{{5, 1, {77}},
               "Finite State Machine Error/Receive Unexpected Message in OpenSent State (5/1): "
               "got a message of type 77"},
           Row{{6, 0, {}}, "Cease (6/0)"},
           Row{{6, 1, {0, 1, 1, 0, 0, 3, 0xe8}},
               "Cease/Maximum Number of Prefixes Reached (6/1): ipv4-unicast, at most 1000 "
               "prefixes"},
           Row{{6, 2, counted("text")}, "Cease/Administrative Shutdown (6/2): \"text\""},
           Row{{6, 2, {}}, "Cease/Administrative Shutdown (6/2)"},
           Row{{6, 2, {0}}, "Cease/Administrative Shutdown (6/2)"},
           Row{{6, 4, {5, 'a'}}, "Cease/Administrative Reset (6/4): data 0561"},
           Row{{6, 9, bytes("\6\4\3now")},
               "Cease/Hard Reset (6/9): Cease/Administrative Reset (6/4): \"now\""},
           Row{{6, 9, {}}, "Cease/Hard Reset (6/9)"},
           Row{{6, 9, {6}}, "Cease/Hard Reset (6/9): data 06"},
           Row{{6, 9, {6, 9, 6, 9}}, "Cease/Hard Reset (6/9): Cease/Hard Reset (6/9): data 0609"},
           Row{{6, 10, {}}, "Cease/BFD Down (6/10)"},
           Row{{7, 1, {1}}, "ROUTE-REFRESH Message Error/Invalid Message Length (7/1): data 01"},
           Row{{8, 0, {}}, "Send Hold Timer Expired (8/0)"},
           Row{{9, 0, {}}, "Loss of LSDB Synchronization (9/0)"},
           Row{{0, 0, {}}, "unknown error (0/0)"},
           Row{{200, 3, {1}}, "unknown error/unknown subcode (200/3): data 01"},
       })
    CHECK(describe(row.n) == row.text);
}

TEST_CASE("data is shown up to 32 bytes") {
  CHECK(describe({7, 1, Buffer(32, 0xab)}) ==
        "ROUTE-REFRESH Message Error/Invalid Message Length (7/1): data " + repeated(32, "ab"));
  CHECK(describe({7, 1, Buffer(33, 0xab)}) ==
        "ROUTE-REFRESH Message Error/Invalid Message Length (7/1): data " + repeated(32, "ab") +
            "... (33 bytes)");
}

TEST_CASE("a peer's text cannot play with the terminal") {
  struct Row {
    std::string text, shown;
  };
  for (const Row& row : {
           Row{"plain, with \xc3\xa9 and \xe2\x82\xac and \xf0\x9f\x98\x80",
               "plain, with \xc3\xa9 and \xe2\x82\xac and \xf0\x9f\x98\x80"},
           Row{"a\x1b[2Jb\n\r\t\x7f", "a\\x1b[2Jb\\x0a\\x0d\\x09\\x7f"},
           Row{std::string("a\0b", 3), "a\\x00b"},
           Row{"\xc2\x9b\x32J", "\\xc2\\x9b2J"},    // C1: the one-character CSI
           Row{"\xe2\x80\xae", "\\xe2\\x80\\xae"},  // right-to-left override
           Row{"\xe2\x81\xa6\xd8\x9c", "\\xe2\\x81\\xa6\\xd8\\x9c"},
           Row{"say \"hi\" \\x", "say \\\"hi\\\" \\\\x"},
           Row{"\xff\xc3", "\\xff\\xc3"},  // no UTF-8, and the half of a character
           Row{"\xc0\xaf\xe0\x80\xaf", "\\xc0\\xaf\\xe0\\x80\\xaf"},  // overlong
           Row{"\xed\xa0\x80", "\\xed\\xa0\\x80"},                    // a surrogate
           Row{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},           // beyond U+10FFFF
           Row{"\xc3(", "\\xc3("},
       }) {
    CHECK(describe({6, 2, counted(row.text)}) ==
          "Cease/Administrative Shutdown (6/2): \"" + row.shown + '"');
    CHECK(bgp::communication_of({6, 2, counted(row.text)}) == row.text);  // as it came
  }
}

TEST_CASE("nothing that a peer can send makes a long line") {
  Buffer nested, list;
  for (int i = 0; i < 30000; ++i) {
    bgp::put(nested, Buffer{6, 9});
    bgp::put(list, Buffer{2, 0});
  }
  CHECK(describe({6, 9, nested}).size() < 200);
  CHECK(describe({2, 7, list}).size() < 200);
}

TEST_CASE("what a retry cannot cure") {
  struct Row {
    std::uint8_t code, subcode;
    bool hopeless;
  };
  for (const Row& row :
       {Row{2, 2, true}, Row{2, 7, true}, Row{2, 11, true}, Row{6, 1, true}, Row{6, 2, true},
        Row{6, 3, true}, Row{1, 2, false}, Row{2, 0, false}, Row{2, 1, false}, Row{2, 6, false},
        Row{3, 2, false}, Row{4, 0, false}, Row{6, 0, false}, Row{6, 4, false}, Row{6, 7, false},
        Row{6, 8, false}, Row{6, 9, false}, Row{7, 1, false}}) {
    CAPTURE(+row.code);
    CAPTURE(+row.subcode);
    const Notification n{row.code, row.subcode, {}};
    CHECK(bgp::retry_cannot_cure(n) == row.hopeless);
    CHECK(bgp::retry_cannot_cure(bgp::hard_reset_of(n)) == row.hopeless);
  }
}
