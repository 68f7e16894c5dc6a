// AppSide: the app's half of a session as one function without sockets or clock.
#include "session/app_side.hpp"

namespace peerhold {
namespace {

bool listening_mode(const AppSide& s) {
  return s.configured && s.mode == AppMode::listen;
}
bool dials(const AppSide& s) {
  return s.configured && s.mode == AppMode::connect && !s.per_client;
}

std::uint8_t warm(AppSide& s) {
  if (!s.cooling) return app_none;
  s.cooling = false;
  return app_cancel_retry;
}

std::uint8_t cool(AppSide& s) {
  if (s.cooling) return app_none;
  s.cooling = true;
  return app_arm_retry;
}

std::uint8_t begin(AppSide& s) {
  if (!s.up) return app_none;
  if (listening_mode(s) && !s.open) return app_open;
  if (dials(s) && s.link && s.attached == 0 && !s.dialing) {
    s.dialing = true;
    return app_dial;
  }
  return app_none;
}

std::uint8_t cancel_dial(AppSide& s) {
  if (!s.dialing) return app_none;
  s.dialing = false;
  return app_cancel_dial;
}

}  // namespace

std::uint8_t step(AppSide& s, AppEvent event) {
  switch (event) {
    case AppEvent::start: {
      s.up = true;
      const std::uint8_t actions = warm(s);  // `app` has changed: what failed was the old one
      return static_cast<std::uint8_t>(actions | begin(s));
    }
    case AppEvent::stop: {
      auto actions = static_cast<std::uint8_t>(warm(s) | cancel_dial(s));
      if (s.open) actions |= app_close;
      s.up = s.open = s.link = false;
      return actions;
    }
    case AppEvent::opened:
      s.open = true;
      return warm(s);
    case AppEvent::open_failed:
      s.open = false;
      return s.up ? cool(s) : std::uint8_t{app_none};
    case AppEvent::link_up:
      s.link = true;
      return s.cooling ? std::uint8_t{app_none} : begin(s);
    case AppEvent::link_down: {
      s.link = false;
      auto actions = cancel_dial(s);
      if (dials(s)) actions |= warm(s);
      return actions;
    }
    case AppEvent::attached:
      ++s.attached;
      s.dialing = false;
      return app_none;
    case AppEvent::detached:
      if (s.attached > 0) --s.attached;
      // Not at once: an app that accepts and closes must not be dialled in a tight loop.
      return dials(s) && s.up && s.link && s.attached == 0 ? cool(s) : std::uint8_t{app_none};
    case AppEvent::dial_failed:
      s.dialing = false;
      return dials(s) && s.up && s.link ? cool(s) : std::uint8_t{app_none};
    case AppEvent::retry_due:
      s.cooling = false;
      return begin(s);
    case AppEvent::kick:
      if (!s.cooling) return app_none;
      return static_cast<std::uint8_t>(warm(s) | begin(s));
  }
  return app_none;
}

}  // namespace peerhold
