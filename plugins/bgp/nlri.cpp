// NLRI of the families that are known here: where one ends, which bytes of it say which route it
// is, and how it reads. RFC 4271 §4.3, RFC 7911, RFC 8277, RFC 4364, RFC 4659, RFC 8955, RFC 8956,
// RFC 7432, RFC 9136. Pure; called by Rib and by whoever counts or names routes.
#include <arpa/inet.h>

#include <algorithm>

#include "update.hpp"

namespace bgp {
namespace {

struct Form {
  enum Kind : std::uint8_t { unknown, prefix, labelled, vpn, flowspec, vpn_flowspec, evpn } kind;
  std::size_t bits;  // of an address
};
Form form_of(Family family) {
  if (family == Family{25, 70}) return {Form::evpn, 0};
  if (family.afi != 1 && family.afi != 2) return {Form::unknown, 0};
  const std::size_t bits = family.afi == 1 ? 32 : 128;
  switch (family.safi) {
    case 1:
    case 2:
      return {Form::prefix, bits};
    case 4:
      return {Form::labelled, bits};
    case 128:
      return {Form::vpn, bits};
    case 133:
      return {Form::flowspec, bits};
    case 134:
      return {Form::vpn_flowspec, bits};
    default:
      return {Form::unknown, 0};
  }
}

constexpr std::size_t path_id_size = 4;  // RFC 7911 §3
constexpr std::size_t label_bits = 24, rd_bits = 64;

// One NLRI behind its path identifier.
struct Prefix {
  Bytes whole, body;     // body: behind the length
  std::size_t bits = 0;  // without labels; with the route distinguisher
  std::size_t labels = 0;
};

std::optional<Prefix> take_prefix(const Form& form, Reader& in) {
  const Bytes from = in.rest();
  const auto length = in.u8();
  const auto body = length ? in.take((*length + 7u) / 8) : std::nullopt;
  if (!body) return std::nullopt;
  Prefix prefix{from.first(1 + body->size()), *body, *length, 0};
  if (form.kind != Form::prefix) {
    for (bool last = false; !last;) {
      if (prefix.bits < label_bits) return std::nullopt;
      const Bytes label = body->subspan(prefix.labels * 3, 3);
      // RFC 8277 §2.2 and §2.4: the bottom of the stack, or a withdraw label in its place.
      last = label[2] & 1 || (label[1] == 0 && label[2] == 0 && (label[0] & 0x7f) == 0);
      prefix.bits -= label_bits;
      ++prefix.labels;
    }
  }
  const std::size_t rd = form.kind == Form::vpn ? rd_bits : 0;
  if (prefix.bits < rd || prefix.bits - rd > form.bits) return std::nullopt;
  return prefix;
}

std::optional<Bytes> take_flowspec(const Form& form, Reader& in) {
  const Bytes from = in.rest();
  const auto first = in.u8();
  if (!first) return std::nullopt;
  std::size_t length = *first;
  if (length >= 0xf0) {  // RFC 8955 §4.1: two bytes, the upper four bits set
    const auto second = in.u8();
    if (!second) return std::nullopt;
    length = (length & 0x0f) << 8 | *second;
  }
  if (form.kind == Form::vpn_flowspec && length < rd_bits / 8) return std::nullopt;  // RFC 8955 §8
  if (!in.take(length)) return std::nullopt;
  return from.first(from.size() - in.left());
}

// RFC 7432 §7: labels and ESI are attributes of types 1 and 2, not part of the key; RFC 9136 §3.1
// says the same of type 5, and of its gateway. Appends to `key`; a route of another make is its own
// key.
void put_evpn_key(Buffer& key, Bytes entry) {
  constexpr std::size_t rd = 8, esi_end = rd + 10;
  const Bytes value = entry.subspan(2);
  std::size_t key_end = 0;
  bool with_esi = false;
  if (entry[0] == 1 && value.size() == 25) {
    key_end = 22;
    with_esi = true;
  } else if (entry[0] == 2 && value.size() >= 33) {
    const std::size_t address = value[29] / 8u;
    const std::size_t rest = value.size() - 30;
    if (value[29] % 32 == 0 && (rest == address + 3 || rest == address + 6)) key_end = 30 + address;
  } else if (entry[0] == 5 && (value.size() == 34 || value.size() == 58)) {
    key_end = value.size() == 34 ? 27 : 39;
  }
  if (key_end == 0) return put(key, entry);
  put8(key, entry[0]);
  put8(key, static_cast<std::uint32_t>(with_esi ? key_end : key_end - 10));
  put(key, value.first(with_esi ? esi_end : rd));
  put(key, value.subspan(esi_end, key_end - esi_end));
}

// The bits behind a prefix's end say nothing (RFC 4271 §4.3).
std::uint8_t masked(std::uint8_t last_byte, std::size_t bits) {
  return static_cast<std::uint8_t>(last_byte & (bits % 8 == 0 ? 0xffu : 0xff00u >> bits % 8));
}
void put_prefix_key(Buffer& key, const Prefix& prefix) {
  put8(key, static_cast<std::uint32_t>(prefix.bits));
  put(key, prefix.body.subspan(prefix.labels * 3));
  if (prefix.bits > 0) key.back() = masked(key.back(), prefix.bits);
}

std::string hex(Bytes bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  return text;
}

std::string address_text(const Form& form, Bytes bytes, std::size_t bits) {
  std::array<std::uint8_t, 16> address{};
  std::copy(bytes.begin(), bytes.end(), address.begin());
  if (bits > 0) address[bytes.size() - 1] = masked(bytes.back(), bits);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(form.bits == 32 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(bits);
}

// RFC 4364 §4.2.
std::string distinguisher_text(Bytes rd) {
  Reader in(rd);
  const auto type = in.u16();
  if (type == 0) {
    const auto as = *in.u16();
    return std::to_string(as) + ":" + std::to_string(*in.u32());
  }
  if (type == 1) {
    const Bytes a = *in.take(4);
    return std::to_string(a[0]) + "." + std::to_string(a[1]) + "." + std::to_string(a[2]) + "." +
           std::to_string(a[3]) + ":" + std::to_string(*in.u16());
  }
  if (type == 2) {
    const auto as = *in.u32();
    return std::to_string(as) + ":" + std::to_string(*in.u16());
  }
  return hex(rd);
}

}  // namespace

bool knows_nlri(Family family) {
  return form_of(family).kind != Form::unknown;
}

bool each_nlri(Family family, bool add_path, Bytes nlri,
               const std::function<void(Bytes key, Bytes entry)>& each) {
  const Form form = form_of(family);
  if (form.kind == Form::unknown) return false;
  const std::size_t head = add_path ? path_id_size : 0;
  Buffer key;  // where it is not the entry
  for (Reader in(nlri); !in.empty();) {
    const Bytes from = in.rest();
    if (!in.take(head)) return false;
    key.assign(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(head));
    bool differs = false;
    if (form.kind == Form::flowspec || form.kind == Form::vpn_flowspec) {
      if (!take_flowspec(form, in)) return false;
    } else if (form.kind == Form::evpn) {
      const Bytes at = in.rest();
      in.u8();
      const auto length = in.u8();
      if (!length || !in.take(*length)) return false;
      put_evpn_key(key, at.first(2u + *length));
      differs = true;
    } else {
      const auto prefix = take_prefix(form, in);
      if (!prefix) return false;
      differs =
          prefix->labels > 0 ||
          (prefix->bits > 0 && prefix->body.back() != masked(prefix->body.back(), prefix->bits));
      if (differs) put_prefix_key(key, *prefix);
    }
    const Bytes entry = from.first(from.size() - in.left());
    each(differs ? Bytes(key) : entry, entry);
  }
  return true;
}

bool delimited(const Update& update, const std::map<Family, bool>& add_path) {
  const auto whole = [&add_path](Family family, Bytes nlri) {
    if (nlri.empty() || !knows_nlri(family)) return true;
    const auto it = add_path.find(family);
    return each_nlri(family, it != add_path.end() && it->second, nlri, [](Bytes, Bytes) {});
  };
  return whole(ipv4_unicast, update.withdrawn) && whole(ipv4_unicast, update.nlri) &&
         (!update.unreach || whole(update.unreach->family, update.unreach->nlri)) &&
         (!update.reach || whole(update.reach->family, update.reach->nlri));
}

Buffer withdrawal_of(Family family, Bytes key, Bytes entry) {
  const Form form = form_of(family);
  const auto is_labelled = form.kind == Form::labelled || form.kind == Form::vpn;
  if (!is_labelled || key.empty()) return Buffer(entry.begin(), entry.end());
  // The key is the entry without its labels, so they first differ in the length.
  const auto [in_key, in_entry] = std::ranges::mismatch(key, entry);
  const auto at = static_cast<std::size_t>(in_key - key.begin());
  if (at == key.size() || in_entry == entry.end()) return Buffer(entry.begin(), entry.end());
  Buffer result(key.begin(), in_key);
  put8(result, key[at] + static_cast<std::uint32_t>(label_bits));
  put8(result, 0x80);  // RFC 8277 §2.4
  put16(result, 0);
  put(result, key.subspan(at + 1));
  return result;
}

std::string to_text(Family family, bool add_path, Bytes entry) {
  const Form form = form_of(family);
  Reader in(entry);
  const auto path = add_path ? in.u32() : std::nullopt;
  const bool is_prefix =
      form.kind == Form::prefix || form.kind == Form::labelled || form.kind == Form::vpn;
  if ((add_path && !path) || !is_prefix) return hex(entry);
  const auto prefix = take_prefix(form, in);
  if (!prefix || !in.empty()) return hex(entry);
  Bytes body = prefix->body.subspan(prefix->labels * 3);
  std::string text;
  std::size_t bits = prefix->bits;
  if (form.kind == Form::vpn) {
    text = distinguisher_text(body.first(rd_bits / 8)) + ":";
    body = body.subspan(rd_bits / 8);
    bits -= rd_bits;
  }
  text += address_text(form, body, bits);
  if (path) text += " path " + std::to_string(*path);
  return text;
}

}  // namespace bgp
