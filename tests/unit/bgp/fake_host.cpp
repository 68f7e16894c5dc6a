// The fake host at work: how the core's conversation treats links, told again in a few lines.
#include "fake_host.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

using bgp::Buffer;
using bgp::Bytes;

namespace {

const ph_plugin& vtable = peerhold_plugin_1;

}  // namespace

ph_instance::ph_instance() {
  numbers = {{"local_as", our_as}, {"peer_as", peer_as}};
  lists = {{"families", {"ipv4-unicast"}}};
  settings = {{PH_SET_RETRY_MAX_MS, 120000},
              {PH_SET_RESET_AFTER_MS, 30000},
              {PH_SET_BUFFER, 1 << 20},
              {PH_SET_ESTABLISHED_AGO_MS, -1}};
}

ph_instance::~ph_instance() {
  close();
}

void ph_instance::close() {
  if (self_ != nullptr) vtable.close(std::exchange(self_, nullptr));
}

void ph_instance::open() {
  const ph_config config{this};
  ph_open how{};
  how.struct_size = sizeof how;
  how.session = "s";
  how.persistent = how.active = how.app_listens = how.instances = 1;
  how.config = &config;
  how.app = has_app ? "127.0.0.11:179" : nullptr;
  REQUIRE(vtable.open(fake_table(), this, &how, &self_) == PH_OK);
}

int ph_instance::reload() {
  const ph_config config{this};
  const int answer = vtable.reload(self_, &config);
  settle();
  return answer;
}

// ---- links
void ph_instance::came_up(ph_link link, std::uint32_t flags) {
  ph_link_info info{};
  info.struct_size = sizeof info;
  info.text = "192.0.2.1:179";
  info.flags = flags;
  if (lines[link].outgoing) info.flags |= PH_LINK_OUTGOING;
  info.local.family = 4;
  unsigned a = 0, b = 0, c = 0, d = 0;
  REQUIRE(std::sscanf(lines[link].local.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) == 4);
  const unsigned parts[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) info.local.ip[i] = static_cast<std::uint8_t>(parts[i]);
  CHECK(vtable.on_up(self_, link, &info) == PH_OK);
  after_call();
  offer_all();
}

void ph_instance::up(ph_link link, std::uint32_t flags, std::size_t far_rate) {
  REQUIRE(!lines.contains(link));
  Line& line = lines[link];
  line.outgoing = (flags & PH_LINK_OUTGOING) != 0;
  line.rate = far_rate;
  line.buffer = static_cast<std::uint64_t>(settings[PH_SET_BUFFER]);
  line.local = local;
  came_up(link, 0);
  settle();
}

ph_link ph_instance::app_up(std::size_t far_rate) {
  const ph_link link = next_app_++;
  up(link, 0, far_rate);
  return link;
}

void ph_instance::feed(ph_link link, Bytes bytes) {
  if (!is_up(link)) return;
  Line& line = lines[link];
  line.held.insert(line.held.end(), bytes.begin(), bytes.end());
  offer(link);  // rule (a)
  settle();
}

void ph_instance::fin(ph_link link) {
  if (!is_up(link)) return;
  Line& line = lines[link];
  if (!line.held.empty() && (line.waits || line.paused)) {
    line.eof_due = true;
    return;
  }
  vtable.on_eof(self_, link);
  after_call();
  settle();
}

void ph_instance::lost(ph_link link, ph_cause cause) {
  if (!is_up(link)) return;
  lines[link].ending = true;
  lines[link].cause = cause;
  lines[link].text = "the link is lost";
  settle();
}

void ph_instance::rate(ph_link link, std::size_t bytes) {
  lines[link].rate = bytes;
  settle();
}

ptrdiff_t ph_instance::send_whole(ph_link link, const void* data, std::size_t n) {
  if (!is_up(link)) {
    if (link != PH_PEER) return PH_ENOLINK;
    fell_short_ = true;
    short_link_ = link;
    return 0;
  }
  Line& line = lines[link];
  if (n > line.buffer - std::min(line.buffer, line.queued())) {
    if (n > line.buffer) return PH_EINVAL;
    line.fell_short = fell_short_ = true;
    short_link_ = link;
    return 0;
  }
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  look_at(line, {bytes, n});
  Buffer& to = heard_[link];
  to.insert(to.end(), bytes, bytes + n);
  line.accepted += n;
  if (line.rate == all_room) line.taken = line.accepted;
  return static_cast<ptrdiff_t>(n);
}

// What may never be said: half a message, anything before OPEN or after a NOTIFICATION.
void ph_instance::look_at(Line& line, Bytes bytes) {
  while (!bytes.empty()) {
    const auto one = bgp::first_message(bytes, bgp::max_extended);
    const auto* message = std::get_if<bgp::Message>(&one);
    REQUIRE_MESSAGE(message != nullptr, "not a whole message");
    CHECK_MESSAGE(!line.notified, "a message after a NOTIFICATION");
    const bool first = message->type == bgp::Type::open || message->type == bgp::Type::notification;
    CHECK_MESSAGE((line.opened || first), "a message before OPEN");
    line.opened |= message->type == bgp::Type::open;
    line.notified |= message->type == bgp::Type::notification;
    bytes = bytes.subspan(message->whole.size());
  }
}

void ph_instance::offer(ph_link link) {
  Line& line = lines[link];
  if (line.ending || line.paused || line.waits) return;
  if (!line.held.empty()) {
    // A copy of just that size: what is read beyond it is seen by the sanitizer.
    const Buffer in = line.held;
    fell_short_ = false;
    const ptrdiff_t n = vtable.on_data(self_, link, in.data(), in.size());
    const bool fell_short = std::exchange(fell_short_, false);
    REQUIRE(n >= 0);
    REQUIRE(static_cast<std::size_t>(n) <= in.size());
    after_call();
    if (line.ending) return;
    line.held.erase(line.held.begin(), line.held.begin() + n);
    if (!line.held.empty() && fell_short) {
      line.waits = is_up(short_link_);
      line.waits_for = short_link_;
    }
    CHECK_MESSAGE((n > 0 || fell_short || line.paused || in.size() < vtable.max_frame),
                  "held back more than its largest unit");
  }
  if (line.eof_due && !line.ending && (!line.waits || line.held.empty())) {
    line.eof_due = false;
    vtable.on_eof(self_, link);
    after_call();
  }
}

void ph_instance::offer_all() {
  for (const auto& [link, line] : lines) offer(link);  // rule (c)
}

void ph_instance::unblock(ph_link room_at) {
  for (auto& [link, line] : lines) {
    if (!line.waits || line.waits_for != room_at) continue;
    line.waits = false;
    offer(link);  // rule (b)
  }
}

void ph_instance::tell_down(ph_link link) {
  const Line gone = std::move(lines[link]);
  lines.erase(link);
  for (auto& [other, line] : lines)
    if (line.waits && line.waits_for == link) line.waits = false;
  const ph_down why{sizeof why, static_cast<std::uint32_t>(gone.cause), gone.text.c_str(),
                    gone.queued()};
  vtable.on_down(self_, link, &why);
  after_call();
  if (link != PH_PEER || !is_up(PH_RIVAL)) return;
  lines[PH_PEER] = std::move(lines[PH_RIVAL]);
  lines.erase(PH_RIVAL);
  heard_[PH_PEER] = std::exchange(heard_[PH_RIVAL], {});
  for (auto& [other, line] : lines)
    if (line.waits_for == PH_RIVAL) line.waits_for = PH_PEER;
  ++promoted;
  came_up(PH_PEER, PH_LINK_PROMOTED);
}

bool ph_instance::step() {
  for (const ph_link first : {PH_RIVAL, PH_PEER}) {
    if (lines.contains(first) && lines[first].ending) return tell_down(first), true;
  }
  for (auto& [link, line] : lines) {
    if (line.ending) return tell_down(link), true;
  }
  for (auto& [link, line] : lines) {
    if (std::exchange(line.offer_due, false)) {
      line.waits = false;
      return offer(link), true;  // rule (d)
    }
  }
  for (auto& [link, line] : lines) {
    const std::uint64_t some = std::min<std::uint64_t>(line.rate, line.queued());
    line.taken += some;
    const bool room = line.queued() == 0 && line.fell_short;
    if (some == 0 && !room) continue;
    if (!room) return true;
    line.fell_short = false;
    vtable.on_writable(self_, link);
    after_call();
    unblock(link);
    return true;
  }
  const auto due = std::ranges::find_if(timers, [&](const auto& t) { return t.second <= now; });
  if (due == timers.end()) return false;
  const std::uint32_t id = due->first;
  timers.erase(due);
  vtable.on_timer(self_, id);
  after_call();
  return true;
}

void ph_instance::settle() {
  std::size_t steps = 0;
  while (step()) REQUIRE_MESSAGE(++steps < 1000000, "never comes to rest");
}

void ph_instance::advance(std::int64_t ms) {
  const std::uint64_t end = now + static_cast<std::uint64_t>(ms);
  settle();
  while (true) {
    std::uint64_t next = end;
    for (const auto& [id, at] : timers) next = std::min(next, at);
    now = std::max(now, next);
    settle();
    if (now >= end) return;
  }
}

// ---- what is asked
int ph_instance::drain(ph_goodbye why, const char* text) {
  const ph_drain how{sizeof how, static_cast<std::uint32_t>(why), text, 2000};
  const int answer = vtable.drain(self_, &how);
  after_call();
  settle();
  return answer;
}

int ph_instance::command(ph_command_kind what, std::int64_t ms) {
  char text[256] = "";
  const ph_command order{sizeof order, static_cast<std::uint32_t>(what), ms, text, sizeof text};
  const int answer = vtable.command(self_, &order);
  reply = text;
  after_call();
  settle();
  return answer;
}

std::string ph_instance::status() {
  std::string out(65536, '\0');
  const ptrdiff_t n = vtable.status(self_, out.data(), out.size());
  REQUIRE(n >= 0);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

ph_report ph_instance::report() {
  ph_report out{};
  out.struct_size = sizeof out;
  out.hold_left_ms = out.held = -1;
  CHECK(vtable.report(self_, &out) == PH_OK);
  return out;
}

// status() is one JSON object at every moment, and report() says the same.
void ph_instance::after_call() {
  if (!sees_status || self_ == nullptr) return;
  const auto seen = nlohmann::json::parse(status(), nullptr, false);
  REQUIRE(seen.is_object());
  const ph_report said = report();
  CHECK(seen.contains("routes_held") == (said.held >= 0));
  if (said.held >= 0) CHECK(seen.value("routes_held", std::int64_t{-1}) == said.held);
  CHECK(seen.contains("hold_left_s") == (said.hold_left_ms >= 0));
  CHECK((said.text != nullptr) == (said.degraded != 0));
}

Buffer ph_instance::take_bytes(ph_link link) {
  return std::exchange(heard_[link], {});
}

Words ph_instance::take(ph_link link) {
  return words_of(take_bytes(link));
}

Words ph_instance::take_acts() {
  return std::exchange(acts, {});
}
