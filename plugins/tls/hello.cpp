// Reads what a client sends first: records (RFC 8446 §5.1), in them one handshake message (§4), in
// it the extensions that matter here: server_name (RFC 6066 §3), ALPN (RFC 7301),
// supported_versions (§4.2.1), encrypted_client_hello (RFC 9849). All else is skipped, GREASE (RFC
// 8701) with it.
#include "hello.hpp"

#include <algorithm>
#include <array>

#include "stranger.hpp"

namespace tls {
namespace {

using ph::Reader;

constexpr std::size_t record_header = 5, message_header = 4, max_record = 1U << 14;
constexpr std::uint8_t handshake = 22, client_hello = 1;
enum : std::uint16_t { server_name = 0, alpn = 16, supported_versions = 43, encrypted = 0xfe0d };

Refused malformed(std::string text) {
  return {Refusal::malformed, std::move(text)};
}

std::string text_of(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

// ---- extensions: false when the bytes do not add up -------------------------------------------

bool read_server_name(Bytes data, Hello& hello) {
  Reader all(data);
  const auto list = all.counted16();
  if (!list || list->empty() || !all.empty()) return false;
  Reader names(*list);
  while (!names.empty()) {
    const auto type = names.u8();
    const auto name = names.counted16();
    if (!type || !name || name->empty()) return false;
    if (*type != 0) continue;
    if (!hello.sni.empty()) return false;  // "MUST NOT contain more than one name of the same type"
    hello.sni = text_of(*name);
  }
  return true;
}

bool read_alpn(Bytes data, Hello& hello) {
  Reader all(data);
  const auto list = all.counted16();
  if (!list || list->empty() || !all.empty()) return false;
  Reader protocols(*list);
  while (!protocols.empty()) {
    const auto one = protocols.counted8();
    if (!one || one->empty()) return false;
    hello.alpn.push_back(text_of(*one));
  }
  return true;
}

bool read_versions(Bytes data, Hello& hello) {
  Reader all(data);
  const auto list = all.counted8();
  if (!list || list->empty() || list->size() % 2 != 0 || !all.empty()) return false;
  Reader versions(*list);
  hello.version = 0;
  while (const auto one = versions.u16())
    if (*one >> 8 == 3) hello.version = std::max(hello.version, *one);  // else GREASE, or a draft
  return true;
}

bool read_extension(std::uint16_t type, Bytes data, Hello& hello) {
  switch (type) {
    case server_name:
      return read_server_name(data, hello);
    case alpn:
      return read_alpn(data, hello);
    case supported_versions:
      return read_versions(data, hello);
    case encrypted:
      hello.encrypted = true;
      return true;
    default:
      return true;
  }
}

Reading read_extensions(Bytes data, Hello hello) {
  std::vector<std::uint16_t> seen;
  for (Reader rest(data); !rest.empty();) {
    const auto type = rest.u16();
    const auto body = rest.counted16();
    if (!type || !body) return malformed("its extensions do not add up");
    if (!read_extension(*type, *body, hello))
      return malformed("its extension " + std::to_string(*type) + " does not add up");
    seen.push_back(*type);
  }
  std::ranges::sort(seen);
  if (std::ranges::adjacent_find(seen) != seen.end()) return malformed("it has an extension twice");
  return hello;
}

// The message's body. RFC 8446 §4.1.2; before TLS 1.3 the extensions may be missing (RFC 5246).
Reading read_body(Bytes body) {
  Reader rest(body);
  Hello hello;
  const auto version = rest.u16();
  const auto random = rest.take(32);
  const auto session = rest.counted8();
  const auto ciphers = rest.counted16();
  const auto compressions = rest.counted8();
  if (!version || !random || !session || !ciphers || !compressions)
    return malformed("it ends before its fields do");
  if (*version >> 8 != 3)
    return malformed("its version is " + std::to_string(*version >> 8) + "." +
                     std::to_string(*version & 0xff));
  if (session->size() > 32) return malformed("its session id is longer than 32 bytes");
  if (ciphers->empty() || ciphers->size() % 2 != 0)
    return malformed("its list of cipher suites does not add up");
  if (compressions->empty()) return malformed("it offers no compression method, not even none");
  hello.version = std::min(*version, std::uint16_t{0x0303});
  if (rest.empty()) return hello;
  const auto extensions = rest.counted16();
  if (!extensions || !rest.empty()) return malformed("its extensions do not add up");
  return read_extensions(*extensions, std::move(hello));
}

}  // namespace

Reading read_hello(Bytes sent) {
  if (auto early = strange(sent)) return *std::move(early);
  std::vector<std::uint8_t> message;
  for (Bytes rest = sent;;) {
    if (rest.empty()) break;
    if (rest[0] != handshake)
      return malformed("a record of type " + std::to_string(rest[0]) + " stands in its middle");
    if (rest.size() > 1 && rest[1] != 3)
      return malformed("a record of it has version " + std::to_string(rest[1]));
    if (rest.size() < record_header) break;
    const auto length = static_cast<std::size_t>(rest[3] << 8 | rest[4]);
    if (length == 0) return malformed("a record of it is empty");
    if (length > max_record)
      return Refused{Refusal::oversized,
                     "a record of " + std::to_string(length) + " bytes, and TLS allows 16384"};
    const Bytes part = rest.subspan(record_header, std::min(length, rest.size() - record_header));
    message.insert(message.end(), part.begin(), part.end());
    if (!message.empty() && message[0] != client_hello)
      return Refused{Refusal::not_hello, "handshake message " + std::to_string(message[0]) +
                                             " where a ClientHello belongs"};
    if (message.size() >= message_header) {
      const std::size_t whole = message_header + (static_cast<std::size_t>(message[1]) << 16 |
                                                  static_cast<std::size_t>(message[2]) << 8 |
                                                  static_cast<std::size_t>(message[3]));
      if (whole > max_hello)
        return Refused{Refusal::oversized, "a ClientHello of " + std::to_string(whole) +
                                               " bytes, more than " + std::to_string(max_hello)};
      if (message.size() >= whole)
        return read_body(Bytes(message).subspan(message_header, whole - message_header));
    }
    if (part.size() < length) break;
    rest = rest.subspan(record_header + length);
  }
  if (sent.size() >= max_held)
    return Refused{Refusal::oversized,
                   "a ClientHello in more than " + std::to_string(max_held) + " bytes of records"};
  return More{};
}

std::string_view name_of(Refusal why) {
  static constexpr std::array<std::string_view, 13> names = {
      "http",      "plain-text", "sslv2",       "dtls",     "not-tls",   "not-hello", "oversized",
      "malformed", "bad-name",   "old-version", "no-route", "cut-short", "timeout"};
  return names.at(static_cast<std::size_t>(why));
}

std::optional<Alert> alert_for(Refusal why) {
  switch (why) {
    case Refusal::http:
    case Refusal::plain_text:
    case Refusal::not_tls:
    case Refusal::not_hello:
      return Alert::unexpected_message;
    case Refusal::sslv2:
    case Refusal::dtls:
    case Refusal::old_version:
      return Alert::protocol_version;
    case Refusal::oversized:
      return Alert::record_overflow;
    case Refusal::malformed:
      return Alert::decode_error;
    case Refusal::bad_name:
      return Alert::illegal_parameter;
    case Refusal::no_route:
      return Alert::unrecognized_name;
    case Refusal::cut_short:
    case Refusal::timeout:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string version_text(std::uint16_t version) {
  if (version == 0x0300) return "SSL 3.0";
  if (version >> 8 != 3) return "unknown";
  return "1." + std::to_string((version & 0xff) - 1);
}

std::vector<std::uint8_t> alert_record(Alert alert) {
  constexpr std::uint8_t type = 21, fatal = 2;
  return {type, 3, 1, 0, 2, fatal, static_cast<std::uint8_t>(alert)};
}

}  // namespace tls
