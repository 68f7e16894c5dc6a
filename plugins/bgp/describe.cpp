// The sentence that an operator reads about a NOTIFICATION: names from IANA's registries, and what
// the data says where an RFC (4271 §6, 4486, 5492, 6608, 9003) or custom defines it. Called
// wherever one is logged or shown.
#include "notification.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "message.hpp"

namespace bgp {
namespace {

// ---- names, from IANA's "BGP Error (Notification) Codes" and the registries of subcodes ----

constexpr std::array<std::string_view, 10> code_names{
    "",
    "Message Header Error",
    "OPEN Message Error",
    "UPDATE Message Error",
    "Hold Timer Expired",
    "Finite State Machine Error",
    "Cease",
    "ROUTE-REFRESH Message Error",   // RFC 7313
    "Send Hold Timer Expired",       // RFC 9687
    "Loss of LSDB Synchronization",  // RFC 9815
};

struct Name {
  std::uint8_t code, subcode;
  std::string_view text;
};

constexpr std::array subcode_names{
    Name{1, 0, "Unspecific"},
    Name{1, 1, "Connection Not Synchronized"},
    Name{1, 2, "Bad Message Length"},
    Name{1, 3, "Bad Message Type"},
    Name{2, 0, "Unspecific"},
    Name{2, 1, "Unsupported Version Number"},
    Name{2, 2, "Bad Peer AS"},
    Name{2, 3, "Bad BGP Identifier"},
    Name{2, 4, "Unsupported Optional Parameter"},
    Name{2, 5, "Authentication Failure (deprecated)"},
    Name{2, 6, "Unacceptable Hold Time"},
    Name{2, 7, "Unsupported Capability"},
    Name{2, 11, "Role Mismatch"},
    Name{3, 0, "Unspecific"},
    Name{3, 1, "Malformed Attribute List"},
    Name{3, 2, "Unrecognized Well-known Attribute"},
    Name{3, 3, "Missing Well-known Attribute"},
    Name{3, 4, "Attribute Flags Error"},
    Name{3, 5, "Attribute Length Error"},
    Name{3, 6, "Invalid ORIGIN Attribute"},
    Name{3, 7, "AS Routing Loop (deprecated)"},
    Name{3, 8, "Invalid NEXT_HOP Attribute"},
    Name{3, 9, "Optional Attribute Error"},
    Name{3, 10, "Invalid Network Field"},
    Name{3, 11, "Malformed AS_PATH"},
    Name{5, 0, "Unspecified Error"},
    Name{5, 1, "Receive Unexpected Message in OpenSent State"},
    Name{5, 2, "Receive Unexpected Message in OpenConfirm State"},
    Name{5, 3, "Receive Unexpected Message in Established State"},
    Name{6, 1, "Maximum Number of Prefixes Reached"},
    Name{6, 2, "Administrative Shutdown"},
    Name{6, 3, "Peer De-configured"},
    Name{6, 4, "Administrative Reset"},
    Name{6, 5, "Connection Rejected"},
    Name{6, 6, "Other Configuration Change"},
    Name{6, 7, "Connection Collision Resolution"},
    Name{6, 8, "Out of Resources"},
    Name{6, 9, "Hard Reset"},
    Name{6, 10, "BFD Down"},  // RFC 9384
    Name{7, 1, "Invalid Message Length"},
};

struct Numbered {
  std::uint8_t number;
  std::string_view text;
};

// IANA's "BGP Path Attributes": those that a complaint may be about.
constexpr std::array attribute_names{
    Numbered{1, "ORIGIN"},
    Numbered{2, "AS_PATH"},
    Numbered{3, "NEXT_HOP"},
    Numbered{4, "MULTI_EXIT_DISC"},
    Numbered{5, "LOCAL_PREF"},
    Numbered{6, "ATOMIC_AGGREGATE"},
    Numbered{7, "AGGREGATOR"},
    Numbered{8, "COMMUNITIES"},
    Numbered{9, "ORIGINATOR_ID"},
    Numbered{10, "CLUSTER_LIST"},
    Numbered{14, "MP_REACH_NLRI"},
    Numbered{15, "MP_UNREACH_NLRI"},
    Numbered{16, "EXTENDED COMMUNITIES"},
    Numbered{17, "AS4_PATH"},
    Numbered{18, "AS4_AGGREGATOR"},
    Numbered{22, "PMSI_TUNNEL"},
    Numbered{23, "Tunnel Encapsulation"},
    Numbered{25, "IPv6 Address Specific Extended Community"},
    Numbered{26, "AIGP"},
    Numbered{29, "BGP-LS Attribute"},
    Numbered{32, "LARGE_COMMUNITY"},
    Numbered{35, "OTC"},
    Numbered{40, "BGP Prefix-SID"},
};

// IANA's "Capability Codes".
constexpr std::array capability_names{
    Numbered{1, "Multiprotocol Extensions"},
    Numbered{2, "Route Refresh"},
    Numbered{3, "Outbound Route Filtering"},
    Numbered{5, "Extended Next Hop Encoding"},
    Numbered{6, "BGP Extended Message"},
    Numbered{7, "BGPsec"},
    Numbered{8, "Multiple Labels"},
    Numbered{9, "BGP Role"},
    Numbered{64, "Graceful Restart"},
    Numbered{65, "4-octet AS number"},
    Numbered{67, "Dynamic Capability"},
    Numbered{68, "Multisession BGP"},
    Numbered{69, "ADD-PATH"},
    Numbered{70, "Enhanced Route Refresh"},
    Numbered{71, "Long-Lived Graceful Restart"},
    Numbered{73, "FQDN"},
    Numbered{75, "Software Version"},
    Numbered{128, "Route Refresh (prestandard)"},
};

template <std::size_t n>
std::string name_in(const std::array<Numbered, n>& names, std::string_view what,
                    std::uint8_t number) {
  for (const auto& known : names)
    if (known.number == number) return std::string(known.text);
  return std::string(what) + ' ' + std::to_string(number);
}

// "Cease/Administrative Shutdown (6/2)"
std::string headline(const Notification& n) {
  std::string out(n.code < code_names.size() ? code_names[n.code] : "");
  if (out.empty()) out = "unknown error";
  const auto name = std::find_if(
      subcode_names.begin(), subcode_names.end(),
      [&](const Name& known) { return known.code == n.code && known.subcode == n.subcode; });
  if (name != subcode_names.end())
    out.append("/").append(name->text);
  else if (n.subcode != 0)
    out += "/unknown subcode";
  return out + " (" + std::to_string(n.code) + '/' + std::to_string(n.subcode) + ')';
}

// ---- text that came from outside ----

struct Character {
  std::size_t length = 0;  // 0: no UTF-8
  std::uint32_t point = 0;
};

// RFC 3629: neither overlong forms, nor surrogates, nor what is beyond U+10FFFF.
Character first_character(Bytes text) {
  const std::uint8_t lead = text[0];
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead < 0xc2   ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return {};
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t point = lead & (0x7fu >> length);
  for (const std::uint8_t b : text.subspan(1, length - 1)) {
    if (!is_continuation(b)) return {};
    point = point << 6 | (b & 0x3fu);
  }
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return {};
  return {length, point};
}

// What moves a terminal's cursor or turns its writing round.
bool is_control(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c ||
         (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

// In quotation marks, so that nobody takes a peer's words for ours.
std::string quoted(Bytes text) {
  std::string out = "\"";
  std::array<char, 8> escaped{};
  while (!text.empty()) {
    const auto c = first_character(text);
    const Bytes bytes = text.first(std::max<std::size_t>(c.length, 1));
    if (c.length == 0 || is_control(c.point)) {
      for (const std::uint8_t b : bytes) {
        std::snprintf(escaped.data(), escaped.size(), "\\x%02x", unsigned{b});
        out += escaped.data();
      }
    } else {
      if (c.point == '"' || c.point == '\\') out += '\\';
      out.append(bytes.begin(), bytes.end());
    }
    text = text.subspan(bytes.size());
  }
  return out + '"';
}

std::string excerpt(Bytes bytes) {
  constexpr std::size_t most = 32;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t b : bytes.first(std::min(bytes.size(), most))) {
    out += digits[b >> 4];
    out += digits[b & 0xf];
  }
  if (bytes.size() > most) out += "... (" + std::to_string(bytes.size()) + " bytes)";
  return out;
}

// ---- what the data says ----

std::optional<std::string> header_data(const Notification& n) {
  Reader in(n.data);
  // RFC 4271 §6.1
  if (n.subcode == header_error::bad_length && in.left() == 2)
    return "length " + std::to_string(*in.u16());
  if (n.subcode == header_error::bad_type && in.left() == 1)
    return "type " + std::to_string(*in.u8());
  return std::nullopt;
}

// RFC 5492 §3: the capabilities that were missed or refused. A list longer than this is no list.
std::optional<std::string> capability_list(Bytes data) {
  if (data.size() > 255) return std::nullopt;
  std::string out;
  for (Reader in(data); !in.empty();) {
    const auto code = in.u8(), length = in.u8();
    const auto value = length ? in.take(*length) : std::nullopt;
    if (!value) return std::nullopt;
    if (!out.empty()) out += ", ";
    out += name_in(capability_names, "capability", *code);
    if (*code == 1 && value->size() == 4) {  // RFC 4760 §8
      const auto& v = *value;
      out += ' ' + to_string(Family{static_cast<std::uint16_t>(v[0] << 8 | v[1]), v[3]});
    }
  }
  return out;
}

std::optional<std::string> open_data(const Notification& n) {
  Reader in(n.data);
  switch (n.subcode) {
    // RFC 4271 §6.2
    case open_error::unsupported_version:
      if (in.left() == 2) return "supports version " + std::to_string(*in.u16());
      break;
    // No RFC defines the data of these three, but routers send what they have seen.
    case open_error::bad_peer_as:
      if (in.left() == 2) return "AS " + std::to_string(*in.u16());
      if (in.left() == 4) return "AS " + std::to_string(*in.u32());
      break;
    case open_error::bad_identifier:
      if (const auto& d = n.data; d.size() == 4)
        return "identifier " + std::to_string(d[0]) + '.' + std::to_string(d[1]) + '.' +
               std::to_string(d[2]) + '.' + std::to_string(d[3]);
      break;
    case open_error::unacceptable_hold_time:
      if (in.left() == 2) return "hold time " + std::to_string(*in.u16()) + "s";
      break;
    case open_error::unsupported_capability:
      return capability_list(n.data);
    default:
      break;
  }
  return std::nullopt;
}

// RFC 4271 §6.3: the attribute's type code alone where it is missing, else the attribute as it
// stood.
std::optional<std::string> update_data(const Notification& n) {
  constexpr std::uint8_t missing = 3;
  if (n.subcode == missing)
    return n.data.size() == 1
               ? std::optional("attribute " + name_in(attribute_names, "type", n.data[0]))
               : std::nullopt;
  const bool quotes_one = n.subcode == 2 || (n.subcode >= 4 && n.subcode <= 9 && n.subcode != 7);
  if (!quotes_one || n.data.size() < 3) return std::nullopt;
  return "attribute " + name_in(attribute_names, "type", n.data[1]) + ", " + excerpt(n.data);
}

// RFC 6608 §4: the type of the message that was not expected.
std::optional<std::string> fsm_data(const Notification& n) {
  if (n.data.size() != 1) return std::nullopt;
  const auto type = n.data[0];
  return type >= 1 && type <= 5 ? "got " + std::string(to_string(Type{type}))
                                : "got a message of type " + std::to_string(type);
}

std::optional<std::string> cease_data(const Notification& n) {
  // RFC 9003 §2. A length of 0 is no text; one that overruns the data is shown as it stands.
  if (n.subcode == cease::admin_shutdown || n.subcode == cease::admin_reset) {
    const auto text = communication_of(n);
    if (text.empty()) return n.data[0] == 0 ? std::optional("") : std::nullopt;
    return quoted(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  // RFC 4486 §4: the family and its limit.
  if (n.subcode == cease::max_prefixes && n.data.size() == 7) {
    Reader in(n.data);
    const auto afi = *in.u16();
    const auto safi = *in.u8();
    return to_string(Family{afi, safi}) + ", at most " + std::to_string(*in.u32()) + " prefixes";
  }
  return std::nullopt;
}

std::string data_text(const Notification& n) {
  if (n.data.empty()) return "";
  const auto meaning = n.code == code::header   ? header_data(n)
                       : n.code == code::open   ? open_data(n)
                       : n.code == code::update ? update_data(n)
                       : n.code == code::fsm    ? fsm_data(n)
                       : n.code == code::cease  ? cease_data(n)
                                                : std::nullopt;
  return meaning ? *meaning : "data " + excerpt(n.data);
}

std::string sentence(const Notification& n) {
  const auto data = data_text(n);
  return data.empty() ? headline(n) : headline(n) + ": " + data;
}

}  // namespace

// A hard reset is opened once: one within another has no meaning, and a peer could nest thousands.
std::string describe(const Notification& n) {
  const auto inner = inside_hard_reset(n);
  return inner ? headline(n) + ": " + sentence(*inner) : sentence(n);
}

}  // namespace bgp
