// OPEN messages on the wire (RFC 4271 §4.2, RFC 9072) and the capabilities in them (RFC 5492).
// Called by both sides of the plugin, which speaks as a router to the peer and as the peer to the
// app. What two OPENs agree to is agreement.cpp's.
#include "open.hpp"

#include <algorithm>

namespace bgp {
namespace {

constexpr std::uint8_t version = 4;
constexpr std::size_t fixed_size = 10;  // of the body, up to the length of the optional parameters

namespace parameter {
constexpr std::uint8_t capabilities = 2;       // RFC 5492
constexpr std::uint8_t extended_length = 255;  // RFC 9072
}  // namespace parameter

namespace capability {
constexpr std::uint8_t multiprotocol = 1, route_refresh = 2, extended_messages = 6, role = 9,
                       graceful_restart = 64, four_octet_as = 65, add_path = 69,
                       enhanced_refresh = 70;
}

constexpr std::uint16_t restarting_bit = 0x8000, notification_bit = 0x4000;  // RFC 4724, RFC 8538
constexpr std::uint16_t restart_time_mask = 0x0fff;
constexpr std::uint8_t forwarding_bit = 0x80;
// Entries of four bytes that fit into one capability, beside the two of graceful restart.
constexpr std::size_t most_entries = 63;

// ---- writing ----

void put_capability(Buffer& to, std::uint8_t code, const Buffer& value) {
  put8(to, code);
  put8(to, static_cast<std::uint32_t>(value.size()));
  put(to, value);
}

// RFC 7911 §4: AFI, SAFI, Send/Receive. Everything in one capability, as far as one goes.
void put_add_path(Buffer& to, const std::map<Family, std::uint8_t>& directions) {
  Buffer value;
  for (const auto& [family, direction] : directions) {
    if (value.size() == 4 * most_entries) {
      put_capability(to, capability::add_path, value);
      value.clear();
    }
    put16(value, family.afi);
    put8(value, family.safi);
    put8(value, direction);
  }
  if (!value.empty()) put_capability(to, capability::add_path, value);
}

// RFC 4724 §3: only the last capability of this kind counts, so that there is room for 63 families.
void put_graceful_restart(Buffer& to, const GracefulRestart& restart) {
  Buffer value;
  put16(value, (restart.restarting ? restarting_bit : 0u) |
                   (restart.notification ? notification_bit : 0u) |
                   std::min(restart.time_s, restart_time_mask));
  std::size_t room = most_entries;
  for (const auto& [family, preserved] : restart.families) {
    if (room-- == 0) break;
    put16(value, family.afi);
    put8(value, family.safi);
    put8(value, preserved ? forwarding_bit : 0);
  }
  put_capability(to, capability::graceful_restart, value);
}

Buffer encode(const Capabilities& all) {
  Buffer out;
  for (const auto& family : all.families) {  // RFC 4760 §8
    Buffer value;
    put16(value, family.afi);
    put8(value, 0);
    put8(value, family.safi);
    put_capability(out, capability::multiprotocol, value);
  }
  if (all.route_refresh) put_capability(out, capability::route_refresh, {});
  if (all.extended_messages) put_capability(out, capability::extended_messages, {});
  if (all.role) put_capability(out, capability::role, {static_cast<std::uint8_t>(*all.role)});
  if (all.graceful_restart) put_graceful_restart(out, *all.graceful_restart);
  if (all.four_octet_as) {
    Buffer value;
    put32(value, *all.four_octet_as);
    put_capability(out, capability::four_octet_as, value);
  }
  put_add_path(out, all.add_path);
  if (all.enhanced_refresh) put_capability(out, capability::enhanced_refresh, {});
  return out;
}

// All capabilities in one optional parameter.
void put_parameters(Buffer& to, const Buffer& capabilities) {
  constexpr std::size_t most = 255, head = 2, extended_head = 3;
  const std::size_t size = capabilities.size();
  if (size == 0) {
    put8(to, 0);
  } else if (size <= most - head) {
    put8(to, static_cast<std::uint32_t>(head + size));
    put8(to, parameter::capabilities);
    put8(to, static_cast<std::uint32_t>(size));
  } else {  // RFC 9072 §2
    put8(to, 255);
    put8(to, parameter::extended_length);
    put16(to, static_cast<std::uint32_t>(extended_head + size));
    put8(to, parameter::capabilities);
    put16(to, static_cast<std::uint32_t>(size));
  }
  put(to, capabilities);
}

// ---- reading ----

Notification refuse(std::uint8_t subcode, Buffer data = {}) {
  return {code::open, subcode, std::move(data)};
}
Notification malformed() {
  return refuse(0);  // RFC 4271 §6.2: Unspecific
}

// Each of these is false where the value has not the form that its RFC gives it.

bool read_multiprotocol(Reader in, Capabilities& to) {  // RFC 4760 §8
  const auto afi = in.u16();
  const auto reserved = in.u8(), safi = in.u8();
  if (!reserved || !safi || !in.empty()) return false;
  const Family family{*afi, *safi};
  // RFC 5492 §4: the same thing said twice is said once.
  if (std::find(to.families.begin(), to.families.end(), family) == to.families.end())
    to.families.push_back(family);
  return true;
}

bool read_role(Reader in, Capabilities& to) {  // RFC 9234 §4.1
  const auto value = in.u8();
  if (!value || !in.empty()) return false;
  const Role role{*value};  // one that is not assigned fits none: roles_fit()
  // RFC 9234 §4.2: the same role again is nothing, another one is a mismatch.
  if (to.role && *to.role != role) to.roles_differ = true;
  to.role = role;
  return true;
}

bool read_graceful_restart(Reader in, Capabilities& to) {  // RFC 4724 §3, RFC 8538 §2
  const auto flags = in.u16();
  if (!flags) return false;
  GracefulRestart restart;
  restart.restarting = *flags & restarting_bit;
  restart.notification = *flags & notification_bit;
  restart.time_s = *flags & restart_time_mask;
  while (!in.empty()) {
    const auto afi = in.u16();
    const auto safi = in.u8(), family_flags = in.u8();
    if (!family_flags) return false;
    restart.families[{*afi, *safi}] = *family_flags & forwarding_bit;
  }
  to.graceful_restart.emplace(std::move(restart));  // RFC 4724 §3: all but the last are ignored
  return true;
}

bool read_four_octet_as(Reader in, Capabilities& to) {  // RFC 6793 §3
  const auto as = in.u32();
  if (!as || !in.empty()) return false;
  to.four_octet_as = *as;
  return true;
}

bool read_add_path(Bytes value, Capabilities& to) {  // RFC 7911 §4
  std::map<Family, std::uint8_t> directions;
  bool understood = true;
  for (Reader in(value); !in.empty();) {
    const auto afi = in.u16();
    const auto safi = in.u8(), direction = in.u8();
    if (!direction) return false;
    understood = understood && *direction >= add_path::receive && *direction <= add_path::both;
    directions[{*afi, *safi}] = *direction;
  }
  // RFC 7911 §4: another Send/Receive value makes it a capability that is not understood.
  if (!understood) {
    to.unknown.emplace_back(capability::add_path, Buffer(value.begin(), value.end()));
    return true;
  }
  // There should be one, but who sends one a family is understood as well.
  for (const auto& [family, direction] : directions) to.add_path[family] = direction;
  return true;
}

bool read_flag(Bytes value, bool& flag) {  // RFC 2918 §2, RFC 7313 §3.1, RFC 8654 §3
  flag = true;
  return value.empty();
}

bool read_capability(std::uint8_t code, Bytes value, Capabilities& to) {
  switch (code) {
    case capability::multiprotocol:
      return read_multiprotocol(Reader(value), to);
    case capability::route_refresh:
      return read_flag(value, to.route_refresh);
    case capability::extended_messages:
      return read_flag(value, to.extended_messages);
    case capability::role:
      return read_role(Reader(value), to);
    case capability::graceful_restart:
      return read_graceful_restart(Reader(value), to);
    case capability::four_octet_as:
      return read_four_octet_as(Reader(value), to);
    case capability::add_path:
      return read_add_path(value, to);
    case capability::enhanced_refresh:
      return read_flag(value, to.enhanced_refresh);
    default:  // RFC 5492 §3: what is not known is no reason to refuse
      to.unknown.emplace_back(code, Buffer(value.begin(), value.end()));
      return true;
  }
}

bool read_capabilities(Reader in, Capabilities& to) {  // RFC 5492 §4
  while (!in.empty()) {
    const auto code = in.u8(), length = in.u8();
    const auto value = length ? in.take(*length) : std::nullopt;
    if (!value || !read_capability(*code, *value, to)) return false;
  }
  return true;
}

struct Parameters {
  Bytes bytes;
  bool extended = false;  // each has a length of two bytes
};

// From the length of the optional parameters to the end of the message. None: the two disagree.
std::optional<Parameters> delimit(Reader in) {
  const auto length = in.u8();
  if (!length) return std::nullopt;
  const Bytes rest = in.rest();
  // RFC 9072 §2: the type 255 decides, whatever the length before it is; but 0 says that there is
  // no parameter at all.
  if (*length != 0 && !rest.empty() && rest[0] == parameter::extended_length) {
    in.u8();
    const auto extended = in.u16();
    if (!extended || *extended != in.left()) return std::nullopt;
    return Parameters{in.rest(), true};
  }
  if (*length != in.left()) return std::nullopt;
  return Parameters{rest, false};
}

std::optional<Notification> read_parameters(const Parameters& parameters, Open& to) {
  for (Reader in(parameters.bytes); !in.empty();) {
    const auto type = in.u8();
    const auto length = parameters.extended ? in.u16() : std::optional<std::uint16_t>(in.u8());
    const auto value = length ? in.take(*length) : std::nullopt;
    if (!value) return malformed();
    // RFC 4271 §6.2
    if (*type != parameter::capabilities) return refuse(open_error::unsupported_parameter);
    // RFC 5492 §4: several of them are one.
    to.has_capabilities = true;
    if (!read_capabilities(Reader(*value), to.capabilities)) return malformed();
  }
  return std::nullopt;
}

// With the AS that was seen, which no RFC asks for but every operator does.
Notification bad_as(std::uint32_t as) {
  Notification n = refuse(open_error::bad_peer_as);
  put32(n.data, as);
  return n;
}

}  // namespace

Buffer encode(const Open& open) {
  Buffer out;
  out.resize(header_size);  // of a vector made at that size g++ 12 thinks that it cannot grow
  put8(out, version);
  put16(out, open.as > 0xffff ? as_trans : open.as);  // RFC 6793 §4.1
  put16(out, open.hold_time_s);
  put32(out, open.identifier);
  put_parameters(out, open.has_capabilities ? encode(open.capabilities) : Buffer{});
  finish_message(out, Type::open);
  return out;
}

std::variant<Open, Notification> parse_open(Bytes body) {
  // RFC 4271 §6.1: the framing has seen to this already for what comes from a stream.
  if (body.size() < fixed_size) {
    Notification n{code::header, header_error::bad_length, {}};
    put16(n.data, static_cast<std::uint32_t>(header_size + body.size()));
    return n;
  }
  Reader in(body);
  // RFC 4271 §6.2: the data is the version that we have.
  if (*in.u8() != version) return refuse(open_error::unsupported_version, {0, version});
  Open open;
  open.has_capabilities = false;
  open.as = *in.u16();
  open.hold_time_s = *in.u16();
  open.identifier = *in.u32();
  // RFC 7607 §2
  if (open.as == 0) return bad_as(0);
  // RFC 4271 §6.2
  if (open.hold_time_s == 1 || open.hold_time_s == 2)
    return refuse(open_error::unacceptable_hold_time);
  // RFC 6286 §2.2
  if (open.identifier == 0) return refuse(open_error::bad_identifier);

  const auto parameters = delimit(in);
  if (!parameters) return malformed();
  if (auto fault = read_parameters(*parameters, open)) return *std::move(fault);
  // RFC 6793 §4.1: the capability has the AS, whatever the old field says; RFC 7607 §2 again.
  if (open.capabilities.four_octet_as) open.as = *open.capabilities.four_octet_as;
  if (open.as == 0) return bad_as(0);
  return open;
}

}  // namespace bgp
