// AppSide: state before -> event -> state after and actions; and what holds after any events at
// all.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "session/app_side.hpp"

namespace peerhold {
namespace {

using E = AppEvent;

std::string words(std::uint8_t actions) {
  static constexpr const char* names[] = {"open",        "close",     "dial",
                                          "cancel_dial", "arm_retry", "cancel_retry"};
  std::string text;
  for (std::size_t i = 0; i < std::size(names); ++i)
    if ((actions >> i & 1U) != 0) text += std::string(text.empty() ? "" : "|") + names[i];
  return text.empty() ? "none" : text;
}

std::string words(const AppSide& s) {
  return std::string(s.configured ? "" : "unconfigured ") + std::string(to_string(s.mode)) +
         (s.per_client ? " per-client" : "") + (s.up ? " up" : "") + (s.link ? " link" : "") +
         (s.open ? " open" : "") + (s.dialing ? " dialing" : "") + (s.cooling ? " cooling" : "") +
         " attached=" + std::to_string(s.attached);
}

struct Row {
  AppSide before;
  E event;
  AppSide after;
  std::uint8_t actions;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    AppSide side = row.before;
    const std::uint8_t actions = step(side, row.event);
    CAPTURE(words(row.before));
    CAPTURE(static_cast<int>(row.event));
    CHECK(words(side) == words(row.after));
    CHECK(words(actions) == words(row.actions));
  }
}

TEST_CASE("apps come to us") {
  const AppSide idle{.configured = true, .mode = AppMode::listen};
  AppSide up = idle;
  up.up = true;
  AppSide open = up;
  open.open = true;
  AppSide linked = open;
  linked.link = true;
  AppSide attached = linked;
  attached.attached = 1;
  AppSide cooling = up;
  cooling.cooling = true;
  AppSide leaving = idle;
  leaving.attached = 1;
  check({
      {idle, E::start, up, app_open},
      {up, E::opened, open, app_none},
      {up, E::open_failed, cooling, app_arm_retry},
      {cooling, E::retry_due, up, app_open},
      {cooling, E::kick, up, app_open | app_cancel_retry},
      {cooling, E::opened, open, app_cancel_retry},
      {open, E::start, open, app_none},
      {open, E::kick, open, app_none},
      // The socket is open with and without a link: an app may wait for the peer.
      {open, E::link_up, linked, app_none},
      {linked, E::link_down, open, app_none},
      {linked, E::attached, attached, app_none},
      {attached, E::detached, linked, app_none},
      {attached, E::stop, leaving, app_close},
      {leaving, E::detached, idle, app_none},
      {open, E::stop, idle, app_close},
      {cooling, E::stop, idle, app_cancel_retry},
      {idle, E::open_failed, idle, app_none},
  });
}

TEST_CASE("we come to the app, while there is a link") {
  const AppSide idle{.configured = true, .mode = AppMode::connect};
  AppSide up = idle;
  up.up = true;
  AppSide dialing = up;
  dialing.link = dialing.dialing = true;
  AppSide attached = up;
  attached.link = true;
  attached.attached = 1;
  AppSide cooling = up;
  cooling.link = cooling.cooling = true;
  AppSide gone = up;
  gone.attached = 1;
  AppSide stopped = idle;
  stopped.attached = 1;
  check({
      {idle, E::start, up, app_none},
      {up, E::link_up, dialing, app_dial},
      {dialing, E::attached, attached, app_none},
      {dialing, E::dial_failed, cooling, app_arm_retry},
      {cooling, E::retry_due, dialing, app_dial},
      {cooling, E::kick, dialing, app_dial | app_cancel_retry},
      {cooling, E::link_up, cooling, app_none},
      // Not at once: an app that accepts and closes must not be dialled in a tight loop.
      {attached, E::detached, cooling, app_arm_retry},
      {dialing, E::link_down, up, app_cancel_dial},
      {cooling, E::link_down, up, app_cancel_retry},
      {attached, E::link_down, gone, app_none},
      {gone, E::detached, up, app_none},
      {up, E::retry_due, up, app_none},
      {up, E::kick, up, app_none},
      {dialing, E::stop, idle, app_cancel_dial},
      {cooling, E::stop, idle, app_cancel_retry},
      {attached, E::stop, stopped, app_none},
  });
}

TEST_CASE("per-client sessions dial for each link, and sessions without an app not at all") {
  AppSide clients{.configured = true, .mode = AppMode::connect, .per_client = true, .up = true};
  AppSide linked = clients;
  linked.link = true;
  AppSide none{.configured = false, .mode = AppMode::connect, .up = true};
  AppSide none_linked = none;
  none_linked.link = true;
  AppSide listening_none{.configured = false, .mode = AppMode::listen};
  AppSide listening_none_up = listening_none;
  listening_none_up.up = true;
  check({
      {clients, E::link_up, linked, app_none},
      {linked, E::dial_failed, linked, app_none},
      {none, E::link_up, none_linked, app_none},
      {listening_none, E::start, listening_none_up, app_none},
  });
}

std::string wrong(const AppSide& before, E event, const AppSide& after, std::uint8_t actions) {
  const auto has = [&](std::uint8_t action) { return (actions & action) != 0; };
  const bool listens = after.mode == AppMode::listen;
  if (has(app_open) && (before.open || !after.up || !listens || !after.configured))
    return "opens what is open, or shall not be";
  if (has(app_close) != (before.open && event == E::stop)) return "close and the socket differ";
  if (has(app_dial) && (before.dialing || !after.link || !after.up || after.attached > 0))
    return "dials twice, or without a link";
  if (has(app_dial) && (listens || after.per_client || !after.configured)) return "does not dial";
  if (has(app_cancel_dial) && (!before.dialing || after.dialing)) return "cancels no dial";
  if (has(app_arm_retry) && (before.cooling || !after.cooling)) return "arms twice";
  if (has(app_cancel_retry) && (!before.cooling || after.cooling)) return "cancels no retry";
  if (before.cooling && !after.cooling && !has(app_cancel_retry) && event != E::retry_due)
    return "a retry is forgotten and goes on";
  if (after.dialing && after.cooling) return "dials and waits to dial";
  if (!after.up && (after.open || after.dialing || after.cooling)) return "stopped, and busy";
  if (after.dialing && !after.link) return "dials without a link";
  if (!listens && after.configured && !after.per_client && after.up && after.link &&
      after.attached == 0 && !after.dialing && !after.cooling)
    return "waits for nothing";
  return {};
}

TEST_CASE("random walks") {
  std::mt19937 random(20260102);
  const auto draw = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::uint64_t opens = 0, dials = 0;
  for (int walk = 0; walk < 4000; ++walk) {
    AppSide side{.configured = draw(4) != 0,
                 .mode = draw(2) == 0 ? AppMode::listen : AppMode::connect,
                 .per_client = draw(4) == 0};
    bool owed_open = false;
    for (int i = 0; i < 60; ++i) {
      std::vector<E> may;
      if (owed_open) {
        may = {E::opened, E::open_failed};
      } else {
        may = {E::stop, E::kick, E::start, E::start};
        if (side.up) may.push_back(side.link ? E::link_down : E::link_up);
        if (side.dialing) may.insert(may.end(), {E::attached, E::attached, E::dial_failed});
        // An app by the socket, and one by `peerhold attach`.
        if (side.open) may.push_back(E::attached);
        if (side.attached > 0) may.push_back(E::detached);
        if (side.cooling) may.insert(may.end(), {E::retry_due, E::retry_due});
      }
      const E event = may[draw(static_cast<unsigned>(may.size()))];
      const AppSide before = side;
      const std::uint8_t actions = step(side, event);
      owed_open = (actions & app_open) != 0;
      opens += owed_open;
      dials += (actions & app_dial) != 0;
      const std::string fault = wrong(before, event, side, actions);
      if (!fault.empty()) {
        FAIL(fault << ": " << words(before) << " -> " << words(side) << " by "
                   << static_cast<int>(event) << ", actions " << words(actions));
      }
    }
  }
  CHECK(opens > 1000);
  CHECK(dials > 1000);
}

TEST_CASE("the judge of the walks sees faults") {
  const AppSide open{.configured = true, .mode = AppMode::listen, .up = true, .open = true};
  CHECK(wrong(open, E::kick, open, app_none).empty());
  CHECK_FALSE(wrong(open, E::kick, open, app_open).empty());
  const AppSide idle{.configured = true, .mode = AppMode::connect, .up = true, .link = true};
  CHECK(wrong(idle, E::kick, idle, app_none) == "waits for nothing");
}

}  // namespace
}  // namespace peerhold
