// AppSide: what a session does about its app. A pure machine like PeerSide.
//
// listen: the socket is open as long as the session is up; apps come and go. connect: a persistent
// session dials its app once the link is established, again by [session.retry] when it fails or
// goes, and not while the link is down; a per-client session dials once for each accepted link,
// which is the conversation's business, so nothing happens here.
#pragma once

#include <cstdint>

#include "config/config.hpp"

namespace peerhold {

struct AppSide {
  bool configured = false;  // `app` is there, and the plugin leaves dialling to the core
  AppMode mode = AppMode::listen;
  bool per_client = false;
  bool up = false;    // the session is administratively up
  bool link = false;  // the peer link is established
  bool open = false;  // our app socket listens
  bool dialing = false;
  bool cooling = false;
  std::uint32_t attached = 0;
  bool operator==(const AppSide&) const = default;
};

enum class AppEvent : std::uint8_t {
  start,
  stop,
  opened,
  open_failed,  // answers to app_open
  link_up,
  link_down,
  attached,
  detached,  // an app's connection came or went (dialled ones too)
  dial_failed,
  retry_due,
  kick,
};

enum AppAction : std::uint8_t {
  app_none = 0,
  app_open = 1,   // open the app socket; answer opened or open_failed
  app_close = 2,  // close it
  app_dial = 4,
  app_cancel_dial = 8,
  app_arm_retry = 16,
  app_cancel_retry = 32,
};

std::uint8_t step(AppSide& side, AppEvent event);

}  // namespace peerhold
