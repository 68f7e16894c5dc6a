// The reader of the ClientHello: what real clients send, cut and recorded anew everywhere, and what
// is refused, by its name.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "hellos.hpp"

using namespace tls;
using namespace tls::test;

namespace {

Hello hello_of(const Buffer& wire) {
  const Reading reading = read_hello(wire);
  if (const auto* no = std::get_if<Refused>(&reading)) FAIL(no->text);
  REQUIRE(std::holds_alternative<Hello>(reading));
  return std::get<Hello>(reading);
}

std::string refusal(const Buffer& wire) {
  const Reading reading = read_hello(wire);
  if (std::holds_alternative<More>(reading)) return "more";
  if (std::holds_alternative<Hello>(reading)) return "hello";
  const auto& no = std::get<Refused>(reading);
  CHECK_FALSE(no.text.empty());
  return std::string(name_of(no.why));
}

}  // namespace

TEST_CASE("what real clients send is read") {
  struct Expected {
    std::uint16_t version;
    std::vector<std::string> alpn;
  };
  const std::map<std::string, Expected> expected = {
      {"openssl", {0x0304, {}}},
      {"openssl-h2", {0x0304, {"h2", "http/1.1"}}},
      {"openssl-tls1.2", {0x0303, {}}},
      {"openssl-tls1.0", {0x0301, {}}},
      {"openssl-early", {0x0304, {}}},
      {"no-name", {0x0304, {}}},
      {"curl", {0x0304, {"h2", "http/1.1"}}},
      {"curl-tls1.2", {0x0303, {"h2", "http/1.1"}}},
      {"gnutls", {0x0304, {}}},
      {"chromium", {0x0304, {"h2", "http/1.1"}}},
  };
  for (const std::string& name : clients) {
    CAPTURE(name);
    const Buffer wire = recorded(name);
    REQUIRE_FALSE(wire.empty());
    const Hello hello = hello_of(wire);
    CHECK(hello.sni == (name == "no-name" ? "" : "www.example.net"));
    CHECK(hello.version == expected.at(name).version);
    CHECK(hello.alpn == expected.at(name).alpn);
    CHECK(hello.encrypted == (name == "chromium"));  // which sends a pretence of one
  }
}

TEST_CASE("cut at every byte: more is wanted until all is there, and nothing else is ever said") {
  for (const std::string& name : clients) {
    CAPTURE(name);
    const Buffer wire = recorded(name);
    const Hello whole = hello_of(wire);
    const std::size_t needed = 5 + message_of(wire).size();  // in one record, as all of them are
    for (std::size_t n = 0; n < wire.size(); ++n) {
      const Reading reading = read_hello(Bytes(wire).first(n));
      if (n >= needed ? reading != Reading{whole} : reading != Reading{More{}}) {
        FAIL("at byte " << n << " of " << needed);
      }
    }
  }
}

TEST_CASE("recorded anew at every boundary, and in records of any size, it says the same") {
  for (const std::string& name : clients) {
    CAPTURE(name);
    const Buffer message = message_of(recorded(name));
    const Hello whole = hello_of(recorded(name));
    for (std::size_t cut = 1; cut < message.size(); ++cut) {
      Buffer wire;
      record(wire, message.data(), cut, 1);
      record(wire, message.data() + cut, message.size() - cut, 3);
      if (read_hello(wire) != Reading{whole}) FAIL("cut at " << cut);
    }
    for (const std::size_t size : {1, 2, 3, 7, 100}) {
      Buffer wire;
      for (std::size_t at = 0; at < message.size(); at += size)
        record(wire, message.data() + at, std::min(size, message.size() - at));
      CHECK(read_hello(wire) == Reading{whole});
      CHECK(read_hello(Bytes(wire).first(wire.size() - 1)) == Reading{More{}});
    }
  }
}

TEST_CASE("any record version of TLS, and whatever comes behind the hello") {
  Buffer wire = make({sni("a.example.net")});
  for (const std::uint8_t minor : Buffer{0, 1, 2, 3, 4, 9}) {
    wire[2] = minor;
    CHECK(hello_of(wire).sni == "a.example.net");
  }
  put(wire, Buffer{20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 9});  // early data of TLS 1.3
  CHECK(hello_of(wire).sni == "a.example.net");
}

TEST_CASE("versions: the highest that is offered, without GREASE and drafts") {
  CHECK(hello_of(make({versions({0x5a5a, 0x0304, 0x0303})})).version == 0x0304);
  CHECK(hello_of(make({versions({0x7f1c, 0x0303, 0x0301})})).version == 0x0303);
  CHECK(hello_of(make({versions({0xfafa})})).version == 0);
  CHECK(hello_of(make(Made{{}, 0x0301})).version == 0x0301);
  CHECK(hello_of(make(Made{{}, 0x0300})).version == 0x0300);
  CHECK(hello_of(make(Made{{}, 0x0304})).version == 0x0303);  // RFC 8446 D.1: never said like this
  Made bare;
  bare.with_extensions = false;
  CHECK(hello_of(make(bare)) == Hello{"", {}, 0x0303, false});
  CHECK(version_text(0x0304) == "1.3");
  CHECK(version_text(0x0301) == "1.0");
  CHECK(version_text(0x0300) == "SSL 3.0");
  CHECK(version_text(0) == "unknown");
}

TEST_CASE("GREASE, unknown extensions, and names of an unknown type are passed over") {
  Buffer names = name_entry("?", 5);
  put(names, name_entry("b.example.net"));
  const Buffer wire =
      make({extension(0x1a1a, {}), extension(0, counted16(names)), extension(0x2a2a, {0}),
            alpn({"\x6a\x6a", "h2"}), extension(0xfe0d, {1, 2, 3})});
  CHECK(hello_of(wire) == Hello{"b.example.net", {"\x6a\x6a", "h2"}, 0x0303, true});
}

TEST_CASE("what is not TLS is named, as early as it can be") {
  CHECK(refusal(bytes_of("GET / HTTP/1.1\r\n")) == "http");
  CHECK(refusal(bytes_of("PRI * HTTP/2.0\r\n")) == "http");
  CHECK(refusal(bytes_of("GE")) == "more");
  CHECK(refusal(bytes_of("GEX")) == "plain-text");
  CHECK(refusal(bytes_of("SSH-2.0-OpenSSH")) == "plain-text");
  CHECK(refusal(bytes_of("\r\n\r\n")) == "plain-text");
  CHECK(refusal({0x80, 0x2e, 1, 0, 2}) == "sslv2");
  CHECK(refusal({0x80, 0x2e}) == "more");
  CHECK(refusal({0x80, 0x2e, 2}) == "not-tls");
  CHECK(refusal({22, 0xfe, 0xff}) == "dtls");
  CHECK(refusal({22, 0xfe}) == "dtls");
  CHECK(refusal({22}) == "more");
  CHECK(refusal({22, 2}) == "not-tls");
  CHECK(refusal({0}) == "not-tls");
  CHECK(refusal({23, 3, 3}) == "not-hello");
  CHECK(refusal({22, 3, 3, 0, 1, 2}) == "not-hello");  // a ServerHello
  // The PROXY header of another relay in front of us.
  CHECK(refusal(bytes_of("\r\n\r\n\nQUIT\n")) == "plain-text");
}

TEST_CASE("the log shows no more of it than a few bytes") {
  const auto reading = read_hello(bytes_of("USER " + std::string(500, 'x')));
  CHECK(std::get<Refused>(reading).text == "plain text, \"USER xxxxxxxxxxx\"");
}

TEST_CASE("16 KiB are read, and not a byte more is waited for") {
  const auto padded = [](std::size_t size) {
    const std::size_t rest = make({sni("a.example.net"), extension(21, {})}).size() - 5;
    return make({sni("a.example.net"), extension(21, Buffer(size - rest))});
  };
  const Buffer most = padded(max_hello);
  CHECK(message_of(most).size() == max_hello);
  CHECK(hello_of(most).sni == "a.example.net");
  const Buffer over = padded(max_hello + 1);
  CHECK(refusal(Buffer(over.begin(), over.begin() + 9)) == "oversized");  // its header says so
  CHECK(refusal({22, 3, 1, 0x40, 1}) == "oversized");
  // As many records as fit, and no hello yet.
  Buffer tiny;
  const Buffer message = message_of(most);
  for (std::size_t at = 0; tiny.size() < max_held; ++at) record(tiny, message.data() + at, 1);
  CHECK(refusal(tiny) == "oversized");
  CHECK(refusal(Buffer(tiny.begin(), tiny.end() - 6)) == "more");
}

TEST_CASE("what does not add up is malformed") {
  const auto wrong = [](const Buffer& wire) { CHECK(refusal(wire) == "malformed"); };
  wrong({22, 3, 1, 0, 0});                                      // an empty record
  wrong({22, 3, 1, 0, 1, 1, 23});                               // another type in the middle
  wrong({22, 3, 1, 0, 1, 1, 22, 2});                            // another version
  wrong({22, 3, 1, 0, 4, 1, 0, 0, 0});                          // an empty hello
  wrong(make(Made{{}, 0x0203}));                                // SSL 2 in a TLS record
  wrong(make(Made{{}, 0x0303, true, 33}));                      // session id
  wrong(make(Made{{}, 0x0303, true, 0, 3}));                    // cipher suites
  wrong(make(Made{{}, 0x0303, true, 0, 0}));                    // none
  wrong(make(Made{{}, 0x0303, true, 0, 2, 0}));                 // compressions
  wrong(make({sni("a"), sni("a")}));                            // twice
  wrong(make({extension(0xfafa, {}), extension(0xfafa, {})}));  // twice, of any kind
  wrong(make({extension(0, {})}));
  wrong(make({extension(0, counted16({}))}));
  wrong(make({sni("")}));
  Buffer two = name_entry("a");
  put(two, name_entry("b"));
  wrong(make({extension(0, counted16(two))}));
  wrong(make({extension(0, {0, 9, 0, 0, 1, 'a'})}));
  wrong(make({extension(16, {})}));
  wrong(make({alpn({""})}));
  wrong(make({extension(16, {0, 3, 9, 'h', '2'})}));
  wrong(make({extension(43, {3, 3, 4, 3})}));
  wrong(make({extension(43, {0})}));
  Buffer behind = make_message({});
  behind.push_back(0);  // behind its extensions
  behind[3] = static_cast<std::uint8_t>(behind[3] + 1);
  Buffer wire;
  record(wire, behind.data(), behind.size());
  wrong(wire);
}

TEST_CASE("each reason has a name and, where somebody can read it, an alert") {
  CHECK(name_of(Refusal::http) == "http");
  CHECK(name_of(Refusal::timeout) == "timeout");
  CHECK(alert_for(Refusal::no_route) == Alert::unrecognized_name);
  CHECK(alert_for(Refusal::old_version) == Alert::protocol_version);
  CHECK(alert_for(Refusal::malformed) == Alert::decode_error);
  CHECK_FALSE(alert_for(Refusal::timeout));
  CHECK(alert_record(Alert::unrecognized_name) == Buffer{21, 3, 1, 0, 2, 2, 112});
}
