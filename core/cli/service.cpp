// Talks to systemd. Owned by cli/run.cpp.
#include "cli/service.hpp"

#include <ctime>

#include "base/systemd.hpp"

namespace peerhold::cli {
namespace {

void notify(const std::string& text) {
  (void)systemd::notify(text);
}

Milliseconds watchdog_period() {
  std::uint64_t usec = 0;
  if (!systemd::watchdog(usec)) return Milliseconds(0);
  return Milliseconds(usec / 2000 > 0 ? usec / 2000 : 1);
}

}  // namespace

Service::Service(Loop& loop) : every_(watchdog_period()), watchdog_(loop, [this] { alive(); }) {
  if (every_.count() > 0) alive();
}

void Service::alive() {
  notify("WATCHDOG=1");
  watchdog_.start(every_);
}

void Service::ready() {
  notify("READY=1");
}

void Service::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // systemd tells this reload from the one before by it
  const auto usec = static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void Service::stopping() {
  notify("STOPPING=1");
}

void Service::status(const std::string& text) {
  if (text == status_) return;
  status_ = text;
  notify("STATUS=" + text);
}

}  // namespace peerhold::cli
