// UPDATE messages (RFC 4271 §4.3, RFC 4760) taken apart, with the faults that RFC 7606 leaves to a
// session reset, and put together. Pure; called by whoever relays UPDATEs, and by Rib.
#include "update.hpp"

namespace bgp {
namespace {

enum : std::uint8_t { flag_optional = 0x80, flag_extended = 0x10 };
namespace update_error {
constexpr std::uint8_t malformed_attribute_list = 1, optional_attribute = 9;
}
// Header, Withdrawn Routes Length, Total Path Attribute Length.
constexpr std::size_t fixed = header_size + 4;
// Flags, type, two bytes of length, AFI, SAFI; MP_REACH_NLRI adds two lengths around the next hop.
constexpr std::size_t unreach_head = 7, reach_head = unreach_head + 2;

Notification malformed_list() {
  return {code::update, update_error::malformed_attribute_list, {}};
}
// RFC 4760 §7, RFC 4271 §6.3: the data is the attribute.
Notification broken(const Attribute& mp) {
  return {code::update, update_error::optional_attribute, Buffer(mp.whole.begin(), mp.whole.end())};
}

// RFC 4760 §3 and §4.
std::optional<Update::Mp> parse_mp(const Attribute& attribute) {
  Reader in(attribute.value);
  Update::Mp mp;
  const auto afi = in.u16();
  const auto safi = in.u8();
  if (!safi) return std::nullopt;
  mp.family = {*afi, *safi};
  if (attribute.type == attribute::mp_reach) {
    const auto length = in.u8();
    const auto next_hop = length ? in.take(*length) : std::nullopt;
    if (!next_hop || !in.u8()) return std::nullopt;
    mp.next_hop = *next_hop;
  }
  mp.nlri = in.rest();
  return mp;
}

// An IPv4 unicast route that came in the NLRI field goes out there; all others go by MP_REACH_NLRI.
bool is_classic(Family family, const PathAttributes& attributes) {
  return family == ipv4_unicast && attributes.mp_next_hop.empty();
}

void put_family(Buffer& to, Family family) {
  put16(to, family.afi);
  put8(to, family.safi);
}
void put_mp(Buffer& to, std::uint8_t type, Family family) {
  put8(to, flag_optional | flag_extended);
  put8(to, type);
  put16(to, 0);
  put_family(to, family);
}

std::size_t room_in(std::size_t limit, std::size_t taken) {
  limit = std::min(limit, max_extended);
  return taken < limit ? limit - taken : 0;
}

// Packs entries behind `message`; `finish` writes what follows them, and the lengths.
std::size_t pack(Buffer message, std::span<const Bytes> entries, std::size_t room,
                 const std::function<void(Buffer&)>& finish,
                 const std::function<void(Bytes)>& out) {
  const std::size_t start = message.size();
  std::size_t left_out = 0;
  const auto flush = [&] {
    if (message.size() == start) return;
    finish(message);
    out(message);
    message.resize(start);
  };
  for (const Bytes entry : entries) {
    if (entry.size() > room) {
      ++left_out;
      continue;
    }
    if (entry.size() > room - (message.size() - start)) flush();
    put(message, entry);
  }
  flush();
  return left_out;
}

}  // namespace

std::optional<Attribute> take_attribute(Reader& in) {
  const Bytes from = in.rest();
  const auto flags = in.u8();
  const auto type = in.u8();
  if (!type) return std::nullopt;
  std::optional<std::size_t> length;
  if (*flags & flag_extended) {
    if (const auto two = in.u16()) length = *two;
  } else if (const auto one = in.u8()) {
    length = *one;
  }
  const auto value = length ? in.take(*length) : std::nullopt;
  if (!value) return std::nullopt;
  return Attribute{*flags, *type, from.first(from.size() - in.left()), *value};
}

std::variant<Update, Notification> parse_update(Bytes body) {
  Update update;
  Reader in(body);
  // RFC 7606 §3 b, RFC 4271 §6.3: the two lengths must fit the message.
  const auto withdrawn_length = in.u16();
  const auto withdrawn = withdrawn_length ? in.take(*withdrawn_length) : std::nullopt;
  const auto attributes_length = in.u16();
  const auto attributes = attributes_length ? in.take(*attributes_length) : std::nullopt;
  if (!withdrawn || !attributes) return malformed_list();
  update.withdrawn = *withdrawn;
  update.attributes = *attributes;
  update.nlri = in.rest();

  Reader list(*attributes);
  while (!list.empty()) {
    const Bytes at = list.rest();
    const auto attribute = take_attribute(list);
    if (!attribute) {
      // RFC 7606 §3 j: NLRI that cannot be found leave only the reset.
      if (at.size() > 1 && (at[1] == attribute::mp_reach || at[1] == attribute::mp_unreach))
        return malformed_list();
      update.overrun = true;  // RFC 7606 §4
      break;
    }
    if (attribute->type != attribute::mp_reach && attribute->type != attribute::mp_unreach)
      continue;
    auto& mp = attribute->type == attribute::mp_reach ? update.reach : update.unreach;
    if (mp) return malformed_list();  // RFC 7606 §3 g
    mp = parse_mp(*attribute);
    if (!mp) return broken(*attribute);
  }
  return update;
}

std::optional<Family> Update::end_of_rib() const {
  if (!withdrawn.empty() || !nlri.empty() || overrun) return std::nullopt;
  // RFC 4724 §2: "an UPDATE message with no reachable NLRI and empty withdrawn NLRI".
  if (attributes.empty()) return ipv4_unicast;
  // For other families: the MP_UNREACH_NLRI alone, without routes; 6 bytes, 7 with an extended
  // length, and no further attribute fits in the one more.
  if (unreach && unreach->nlri.empty() && attributes.size() <= 7) return unreach->family;
  return std::nullopt;
}

PathAttributes attributes_of(const Update& update, bool of_mp_reach) {
  PathAttributes result;
  result.plain.reserve(update.attributes.size());
  Reader list(update.attributes);
  while (const auto attribute = take_attribute(list))
    if (attribute->type != attribute::mp_reach && attribute->type != attribute::mp_unreach)
      put(result.plain, attribute->whole);
  if (of_mp_reach && update.reach)
    result.mp_next_hop.assign(update.reach->next_hop.begin(), update.reach->next_hop.end());
  return result;
}

std::size_t room_to_announce(Family family, const PathAttributes& attributes, std::size_t limit) {
  const std::size_t mp =
      is_classic(family, attributes) ? 0 : reach_head + attributes.mp_next_hop.size();
  return room_in(limit, fixed + mp + attributes.plain.size());
}

std::size_t room_to_withdraw(Family family, std::size_t limit) {
  return room_in(limit, fixed + (family == ipv4_unicast ? 0 : unreach_head));
}

std::size_t build_announcements(Family family, const PathAttributes& attributes,
                                std::span<const Bytes> entries, std::size_t limit,
                                const std::function<void(Bytes)>& out) {
  const std::size_t room = room_to_announce(family, attributes, limit);
  if (room == 0) return entries.size();
  Buffer message(header_size + 4);
  message.reserve(fixed + reach_head + attributes.mp_next_hop.size() + attributes.plain.size() +
                  room);
  if (is_classic(family, attributes)) {
    set16(message, header_size + 2, attributes.plain.size());
    put(message, attributes.plain);
    return pack(
        std::move(message), entries, room, [](Buffer& m) { finish_message(m, Type::update); }, out);
  }
  // RFC 7606 §5.1: MP_REACH_NLRI is the first attribute.
  put_mp(message, attribute::mp_reach, family);
  put8(message, static_cast<std::uint32_t>(attributes.mp_next_hop.size()));
  put(message, attributes.mp_next_hop);
  put8(message, 0);  // RFC 4760 §3: reserved
  const auto finish = [&attributes](Buffer& m) {
    set16(m, fixed + 2, m.size() - fixed - 4);
    put(m, attributes.plain);
    set16(m, header_size + 2, m.size() - fixed);
    finish_message(m, Type::update);
  };
  return pack(std::move(message), entries, room, finish, out);
}

std::size_t build_withdrawals(Family family, std::span<const Bytes> entries, std::size_t limit,
                              const std::function<void(Bytes)>& out) {
  const std::size_t room = room_to_withdraw(family, limit);
  if (room == 0) return entries.size();
  if (family == ipv4_unicast) {
    const auto finish = [](Buffer& m) {
      set16(m, header_size, m.size() - header_size - 2);
      put16(m, 0);
      finish_message(m, Type::update);
    };
    return pack(Buffer(header_size + 2), entries, room, finish, out);
  }
  Buffer message(header_size + 4);
  put_mp(message, attribute::mp_unreach, family);
  const auto finish = [](Buffer& m) {
    set16(m, fixed + 2, m.size() - fixed - 4);
    set16(m, header_size + 2, m.size() - fixed);
    finish_message(m, Type::update);
  };
  return pack(std::move(message), entries, room, finish, out);
}

Buffer end_of_rib(Family family) {  // RFC 4724 §2
  Buffer message(header_size + 4);
  if (family != ipv4_unicast) {
    set16(message, header_size + 2, 6);
    put8(message, flag_optional);
    put8(message, attribute::mp_unreach);
    put8(message, 3);
    put_family(message, family);
  }
  finish_message(message, Type::update);
  return message;
}

}  // namespace bgp
