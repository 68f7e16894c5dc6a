// Framing: where a message ends, and what is said about a header that is broken.
#include "message.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using bgp::Buffer;
using bgp::Bytes;
using bgp::Message;
using bgp::NeedMore;
using bgp::Notification;
using bgp::Type;

namespace {

// A header that says `length`, and as many bytes as it takes, at least the header.
Buffer message(std::size_t length, std::uint8_t type) {
  Buffer out(std::max(length, bgp::header_size));
  bgp::finish_message(out, Type::open);
  bgp::set16(out, 16, length);
  out[18] = type;
  return out;
}
Notification bad_length(std::size_t length) {
  Notification n{1, 2, {0, 0}};
  bgp::set16(n.data, 0, length);
  return n;
}
std::string verdict(Bytes input, std::size_t limit) {
  const auto first = bgp::first_message(input, limit);
  if (std::holds_alternative<NeedMore>(first)) return "more";
  if (const auto* n = std::get_if<Notification>(&first)) return bgp::describe(*n);
  const auto& m = std::get<Message>(first);
  return std::string(to_string(m.type)) + ' ' + std::to_string(m.whole.size());
}
// All messages of a stream that comes in two parts.
std::vector<std::string> conversation(Bytes stream, std::size_t cut) {
  std::vector<std::string> out;
  std::size_t done = 0;
  for (const std::size_t end : {cut, stream.size()}) {
    for (;;) {
      const Bytes input = stream.subspan(done, end - done);
      const auto what = verdict(input, bgp::max_message);
      if (what == "more") break;
      out.push_back(what);
      const auto first = bgp::first_message(input, bgp::max_message);
      if (!std::holds_alternative<Message>(first)) return out;
      done += std::get<Message>(first).whole.size();
    }
  }
  return out;
}

}  // namespace

TEST_CASE("types have names") {
  CHECK(to_string(Type::open) == "OPEN");
  CHECK(to_string(Type::update) == "UPDATE");
  CHECK(to_string(Type::notification) == "NOTIFICATION");
  CHECK(to_string(Type::keepalive) == "KEEPALIVE");
  CHECK(to_string(Type::route_refresh) == "ROUTE-REFRESH");
}

TEST_CASE("lengths that a type can have, RFC 4271 6.1 and RFC 8654") {
  struct Row {
    Type type;
    std::size_t least, most, most_extended;
  };
  for (const Row& row : {Row{Type::open, 29, 4096, 4096}, Row{Type::update, 23, 4096, 65535},
                         Row{Type::notification, 21, 4096, 65535}, Row{Type::keepalive, 19, 19, 19},
                         Row{Type::route_refresh, 19, 4096, 65535}}) {
    CAPTURE(to_string(row.type));
    for (const std::size_t limit : {bgp::max_message, bgp::max_extended}) {
      const auto most = limit == bgp::max_message ? row.most : row.most_extended;
      const auto check = [&](std::size_t length) {
        CAPTURE(length);
        const auto input = message(length, static_cast<std::uint8_t>(row.type));
        const auto first = bgp::first_message(input, limit);
        if (length >= row.least && length <= most) {
          REQUIRE(std::holds_alternative<Message>(first));
          CHECK(std::get<Message>(first).type == row.type);
          CHECK(std::get<Message>(first).whole.size() == length);
          CHECK(std::get<Message>(first).body().size() == length - 19);
        } else {
          REQUIRE(std::holds_alternative<Notification>(first));
          CHECK(std::get<Notification>(first) == bad_length(length));
        }
      };
      for (std::size_t length = 0; length <= 40; ++length) check(length);
      for (const std::size_t length : {4095, 4096, 4097, 65534, 65535}) check(length);
    }
  }
}

TEST_CASE("types, RFC 4271 6.1") {
  for (unsigned type = 0; type <= 255; ++type) {
    CAPTURE(type);
    const auto t = static_cast<std::uint8_t>(type);
    const auto first = bgp::first_message(message(t == 4 ? 19 : 29, t), bgp::max_message);
    if (type >= 1 && type <= 5) {
      CHECK(std::holds_alternative<Message>(first));
    } else {
      REQUIRE(std::holds_alternative<Notification>(first));
      CHECK(std::get<Notification>(first) == Notification{1, 3, {t}});
    }
  }
  // The length is told first: without it nobody knows what follows.
  CHECK(verdict(message(18, 99), 4096) == bgp::describe(bad_length(18)));
}

TEST_CASE("a marker that is not all ones, RFC 4271 6.1") {
  for (std::size_t at = 0; at < 16; ++at) {
    CAPTURE(at);
    auto input = bgp::keepalive();
    CHECK(verdict(input, 4096) == "KEEPALIVE 19");
    input[at] = 0xfe;
    const auto first = bgp::first_message(input, 4096);
    REQUIRE(std::holds_alternative<Notification>(first));
    CHECK(std::get<Notification>(first) == Notification{1, 1, {}});
    // As soon as it is there, and not before.
    CHECK(verdict(Bytes(input).first(at), 4096) == "more");
    CHECK(verdict(Bytes(input).first(at + 1), 4096) == bgp::describe({1, 1, {}}));
  }
}

TEST_CASE("a broken header is told as soon as it is there") {
  const auto too_long = message(5000, 2);
  CHECK(verdict(Bytes(too_long).first(17), 4096) == "more");
  CHECK(verdict(Bytes(too_long).first(18), 4096) == bgp::describe(bad_length(5000)));
  const auto strange = message(100, 9);
  CHECK(verdict(Bytes(strange).first(18), 4096) == "more");
  CHECK(verdict(Bytes(strange).first(19), 4096) == bgp::describe({1, 3, {9}}));
  const auto short_open = message(28, 1);
  CHECK(verdict(Bytes(short_open).first(19), 4096) == bgp::describe(bad_length(28)));
}

TEST_CASE("cutting a stream anywhere gives the same messages") {
  Buffer stream = bgp::keepalive();
  bgp::put(stream, bgp::encode(Notification{6, 2, {3, 'b', 'y', 'e'}}));
  bgp::put(stream, bgp::encode(bgp::RouteRefresh{bgp::ipv6_unicast, 0, false}));
  bgp::put(stream, message(23, 2));
  const std::vector<std::string> good{"KEEPALIVE 19", "NOTIFICATION 25", "ROUTE-REFRESH 23",
                                      "UPDATE 23"};
  struct Row {
    Buffer tail;
    std::vector<std::string> more;
  };
  auto unsynchronized = bgp::keepalive();
  unsynchronized[7] = 0;
  for (const Row& row :
       {Row{{}, {}}, Row{message(5000, 2), {bgp::describe(bad_length(5000))}},
        Row{message(18, 99), {bgp::describe(bad_length(18))}},
        Row{message(30, 99), {bgp::describe({1, 3, {99}})}},
        Row{message(20, 4), {bgp::describe(bad_length(20))}},
        Row{unsynchronized, {bgp::describe({1, 1, {}})}}, Row{Buffer(10, 0xff), {}}}) {
    auto whole = stream;
    bgp::put(whole, row.tail);
    auto expected = good;
    expected.insert(expected.end(), row.more.begin(), row.more.end());
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
      CAPTURE(cut);
      CHECK(conversation(whole, cut) == expected);
    }
  }
}

TEST_CASE("KEEPALIVE and NOTIFICATION on the wire") {
  Buffer expected(16, 0xff);
  bgp::put(expected, Buffer{0, 19, 4});
  CHECK(bgp::keepalive() == expected);

  for (const Notification& n : {Notification{4, 0, {}}, Notification{6, 2, {2, 'h', 'i'}},
                                Notification{255, 255, Buffer(4075, 1)}}) {
    const auto wire = bgp::encode(n);
    CHECK(verdict(wire, 4096) == "NOTIFICATION " + std::to_string(21 + n.data.size()));
    const auto back = bgp::parse_notification(Bytes(wire).subspan(19));
    REQUIRE(std::holds_alternative<Notification>(back));
    CHECK(std::get<Notification>(back) == n);
  }
  // What quotes a long message is cut to what every peer takes.
  CHECK(bgp::encode(Notification{7, 1, Buffer(4076, 1)}).size() == 4096);
  CHECK(bgp::encode(Notification{7, 1, Buffer(70000, 1)}).size() == 4096);

  CHECK(std::holds_alternative<std::monostate>(bgp::parse_notification({})));
  CHECK(std::holds_alternative<std::monostate>(bgp::parse_notification(Buffer{6})));
}

TEST_CASE("ROUTE-REFRESH, RFC 2918, RFC 5291, RFC 7313") {
  using bgp::RouteRefresh;
  for (unsigned kind = 0; kind <= 255; ++kind) {
    const RouteRefresh refresh{{16388, 71}, static_cast<std::uint8_t>(kind), false};
    const auto wire = bgp::encode(refresh);
    Buffer expected(16, 0xff);
    bgp::put(expected, Buffer{0, 23, 5, 0x40, 4, refresh.kind, 71});
    CHECK(wire == expected);
    const auto back = bgp::parse_route_refresh({Type::route_refresh, wire});
    REQUIRE(std::holds_alternative<RouteRefresh>(back));
    CHECK(std::get<RouteRefresh>(back) == refresh);
  }
  struct Row {
    Buffer body;
    std::optional<RouteRefresh> refresh;  // none: 7/1
  };
  for (const Row& row : {
           Row{{}, {}}, Row{{0, 1, 0}, {}}, Row{{0, 1, 1}, {}},
           Row{{0, 1, 0, 1, 1, 64, 0, 0}, RouteRefresh{{1, 1}, 0, true}},  // filters
           Row{{0, 1, 1, 1}, RouteRefresh{{1, 1}, 1, false}}, Row{{0, 1, 1, 1, 0}, {}},
           Row{{0, 1, 2, 1, 0}, {}},
           Row{{0, 1, 3, 1, 0}, RouteRefresh{{1, 1}, 3, false}},  // ignored, so not refused
       }) {
    Buffer whole(19);
    bgp::put(whole, row.body);
    bgp::finish_message(whole, Type::route_refresh);
    CHECK(verdict(whole, 4096) == "ROUTE-REFRESH " + std::to_string(whole.size()));
    const auto got = bgp::parse_route_refresh({Type::route_refresh, whole});
    if (row.refresh) {
      REQUIRE(std::holds_alternative<RouteRefresh>(got));
      CHECK(std::get<RouteRefresh>(got) == *row.refresh);
    } else {
      REQUIRE(std::holds_alternative<Notification>(got));
      CHECK(std::get<Notification>(got) == Notification{7, 1, whole});
    }
  }
}
