// The ClientHello, as far as a router by name needs it. Pure: bytes in, an answer out.
//
// read_hello() is given all that a client has sent so far and says what it is, as soon as that is
// certain. It keeps nothing: the bytes stay with the core, and are passed on as they came.
#pragma once

#include <peerhold/reader.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tls {

using ph::Bytes;

// A hello may be this long, with its four bytes of header, and take this much in records, which may
// be as short as a byte: what one client may make us hold.
constexpr std::size_t max_hello = 16 * 1024, max_held = 32 * 1024;

// Why a client is refused. Also the labels of the counter `refused_total`, see name_of().
enum class Refusal : std::uint8_t {
  http,
  plain_text,
  sslv2,
  dtls,
  not_tls,    // bytes that are none of these
  not_hello,  // TLS, but not the start of a connection
  oversized,
  malformed,
  bad_name,     // a server name that DNS does not allow
  old_version,  // nothing as new as min_version
  no_route,
  cut_short,  // its last byte came before the end of the hello
  timeout,
};
std::string_view name_of(Refusal);

enum class Alert : std::uint8_t {  // RFC 8446 §6.2, RFC 6066
  unexpected_message = 10,
  record_overflow = 22,
  illegal_parameter = 47,
  decode_error = 50,
  protocol_version = 70,
  unrecognized_name = 112,
};
// None for who has nothing to read it with.
std::optional<Alert> alert_for(Refusal);

struct Hello {
  std::string sni;  // as sent; empty: none. With Encrypted ClientHello, the outer name
  std::vector<std::string> alpn;
  std::uint16_t version = 0;  // the highest that is offered, as on the wire: 0x0304 is TLS 1.3
  bool encrypted = false;     // an Encrypted ClientHello is inside
  bool operator==(const Hello&) const = default;
};

struct More {
  bool operator==(const More&) const = default;
};
struct Refused {
  Refusal why = Refusal::malformed;
  std::string text;  // in words, for the log
  bool operator==(const Refused&) const = default;
};
using Reading = std::variant<More, Hello, Refused>;

Reading read_hello(Bytes sent);

// "1.3" of 0x0304; "SSL 3.0"; "unknown".
std::string version_text(std::uint16_t);

// The record that carries a fatal alert. RFC 8446 §6, in the oldest record version: everybody reads
// it.
std::vector<std::uint8_t> alert_record(Alert);

}  // namespace tls
