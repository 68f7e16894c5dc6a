// What the service manager is told (sd_notify(3)). Without libsystemd, or where nobody asks for it,
// nothing happens.
#pragma once

#include <string>

#include "loop/loop.hpp"

namespace peerhold::cli {

class Service {
 public:
  // Answers the watchdog from the loop at half its time: a loop that hangs is silent.
  explicit Service(Loop&);
  void ready();
  void reloading();
  void stopping();
  // One line for people; the same again costs nothing.
  void status(const std::string& text);

 private:
  void alive();
  Milliseconds every_{0};
  Timer watchdog_;
  std::string status_;
};

}  // namespace peerhold::cli
