// What the peer and the app of the fake host say, and words for what they hear.
#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "fake_host.hpp"

using namespace bgp;

namespace {

// "192.0.2.0/24" as it stands in NLRI.
Buffer nlri(int family, const std::string& prefix) {
  const auto slash = prefix.find('/');
  std::uint8_t address[16];
  REQUIRE(inet_pton(family, prefix.substr(0, slash).c_str(), address) == 1);
  const auto bits = static_cast<std::uint8_t>(std::stoi(prefix.substr(slash + 1)));
  Buffer out{bits};
  out.insert(out.end(), address, address + (bits + 7) / 8);
  return out;
}

Buffer built(Family family, const PathAttributes& with, const Buffer& entry) {
  Buffer out;
  const Bytes entries[] = {entry};
  CHECK(build_announcements(family, with, entries, max_message,
                            [&](Bytes one) { put(out, one); }) == 0);
  return out;
}

}  // namespace

Open peer_says(std::vector<Family> families, bool with_refresh) {
  Open open;
  open.as = peer_as;
  open.identifier = peer_id;
  open.hold_time_s = 90;
  open.capabilities.families = std::move(families);
  open.capabilities.four_octet_as = peer_as;
  open.capabilities.route_refresh = with_refresh;
  return open;
}

Open app_says(std::vector<Family> families, bool with_refresh) {
  Open open = peer_says(std::move(families), with_refresh);
  open.as = our_as;
  open.identifier = app_id;
  open.capabilities.four_octet_as = our_as;
  return open;
}

Open restarting_peer(bool notification) {
  Open open = peer_says();
  GracefulRestart restart;
  restart.notification = notification;
  restart.time_s = 120;
  restart.families[ipv4_unicast] = true;
  open.capabilities.graceful_restart = restart;
  return open;
}

Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) put(out, part);
  return out;
}

Buffer announce(const char* prefix, const char* next_hop) {
  PathAttributes with;
  with.plain = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFC, 0, 0x40, 3, 4};
  std::uint8_t hop[4];
  REQUIRE(inet_pton(AF_INET, next_hop, hop) == 1);
  with.plain.insert(with.plain.end(), hop, hop + 4);
  return built(ipv4_unicast, with, nlri(AF_INET, prefix));
}

Buffer announce6(const char* prefix, const char* next_hop) {
  PathAttributes with;
  with.plain = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFC, 0};
  with.mp_next_hop.resize(16);
  REQUIRE(inet_pton(AF_INET6, next_hop, with.mp_next_hop.data()) == 1);
  return built(ipv6_unicast, with, nlri(AF_INET6, prefix));
}

Buffer withdraw(const char* prefix) {
  Buffer out;
  const Buffer entry = nlri(AF_INET, prefix);
  const Bytes entries[] = {entry};
  build_withdrawals(ipv4_unicast, entries, max_message, [&](Bytes one) { put(out, one); });
  return out;
}

Buffer cease_message(std::uint8_t subcode, const char* text) {
  return encode(cease_with(subcode, text));
}

Buffer refresh(std::uint8_t kind, Family family) {
  return encode(RouteRefresh{family, kind, false});
}

void peer_establishes(ph_instance& host, const Open& open, ph_link link) {
  host.up(link, PH_LINK_OUTGOING);
  host.feed(link, joined({encode(open), keepalive()}));
}

ph_link app_attaches(ph_instance& host, const Open& open, std::size_t rate) {
  const ph_link link = host.app_up(rate);
  host.feed(link, joined({encode(open), keepalive()}));
  return link;
}

ph_link announced(ph_instance& host) {
  peer_establishes(host);
  const ph_link app = app_attaches(host);
  host.feed(app, joined({announce("192.0.2.0/24"), announce("198.51.100.0/24")}));
  host.take(app);
  host.take(PH_PEER);
  host.take_acts();
  return app;
}

Words peer_hears(ph_instance& host) {
  Words words = host.take(PH_PEER);
  std::erase(words, "KEEPALIVE");
  return words;
}

void keep_peer_for(ph_instance& host, std::int64_t ms) {
  for (; ms > 0; ms -= 10000) {
    host.feed(PH_PEER, keepalive());
    host.advance(std::min<std::int64_t>(ms, 10000));
  }
}

Words words_of(Bytes in) {
  Words out;
  while (!in.empty()) {
    const auto one = first_message(in, max_extended);
    REQUIRE(std::holds_alternative<Message>(one));
    const auto& message = std::get<Message>(one);
    in = in.subspan(message.whole.size());
    if (message.type == Type::open || message.type == Type::keepalive) {
      out.push_back(std::string(to_string(message.type)));
    } else if (message.type == Type::notification) {
      const auto said = std::get<Notification>(parse_notification(message.body()));
      std::string text = std::to_string(said.code) + "/" + std::to_string(said.subcode);
      if (const auto inner = inside_hard_reset(said))
        text += " " + std::to_string(inner->code) + "/" + std::to_string(inner->subcode);
      const std::string communication = communication_of(said);
      out.push_back(text + (communication.empty() ? "" : " " + communication));
    } else if (message.type == Type::route_refresh) {
      const auto r = std::get<RouteRefresh>(parse_route_refresh(message));
      const char* const kinds[] = {"refresh ", "borr ", "eorr "};
      out.push_back(kinds[r.kind] + to_string(r.family));
    } else {
      const auto update = std::get<Update>(parse_update(message.body()));
      if (const auto family = update.end_of_rib()) out.push_back("eor " + to_string(*family));
      const auto each = [&](const char* sign, Family family, Bytes nlri) {
        each_nlri(family, false, nlri,
                  [&](Bytes, Bytes entry) { out.push_back(sign + to_text(family, false, entry)); });
      };
      each("-", ipv4_unicast, update.withdrawn);
      each("+", ipv4_unicast, update.nlri);
      if (update.unreach) each("-", update.unreach->family, update.unreach->nlri);
      if (update.reach) each("+", update.reach->family, update.reach->nlri);
    }
  }
  return out;
}
