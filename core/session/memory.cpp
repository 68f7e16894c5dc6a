// Session, the part that remembers: when it was last established, under this keeper or one before
// it on this boot (for protocols that may say after a restart that they kept what they had, RFC
// 4724), and how long a dynamic peer's session is kept without a link.
#include "session/session.hpp"

namespace peerhold {
namespace {

// A keeper that is killed leaves a mark that is this much too old, at most.
constexpr Milliseconds mark_every{15000};

}  // namespace

std::int64_t Session::setting(ph_setting which) const {
  switch (which) {
    case PH_SET_RETRY_MAX_MS:
      return config_.retry.max.count();
    case PH_SET_RESET_AFTER_MS:
      return config_.retry.reset_after.count();
    case PH_SET_CONNECT_TIMEOUT_MS:
      return config_.retry.connect_timeout.count();
    case PH_SET_BUFFER:
      return static_cast<std::int64_t>(config_.transport.buffer);
    case PH_SET_APP_SHARED:
      return config_.app_shared ? 1 : 0;
    case PH_SET_ESTABLISHED_AGO_MS: {
      if (peer_side_.established) return 0;
      if (last_established_) {
        return std::chrono::duration_cast<Milliseconds>(around_.loop.now() - *last_established_)
            .count();
      }
      const auto ago = around_.established_ago ? around_.established_ago(name()) : std::nullopt;
      return ago ? ago->count() : -1;
    }
  }
  return -1;
}

void Session::mark_established() {
  last_established_ = around_.loop.now();
  // Others have no use for it.
  if (per_client() || !library_.is(PH_HANDSHAKE) || !around_.mark_established) return;
  around_.mark_established(name());
  if (peer_side_.established) {
    deadlines_.set(mark_due, mark_every);
  } else {
    deadlines_.clear(mark_due);
  }
}

void Session::forget_established() {
  last_established_.reset();
  deadlines_.clear(mark_due);
  if (around_.forget_established) around_.forget_established(name());
}

void Session::arm_forgetting() {
  if (!child_ || peer_side_.links > 0) return;
  // Not at once: the plugin may be asking from inside a call.
  deadlines_.set(forget_due, peer_side_.wanted ? around_.forget_after : Milliseconds(0));
}

// An operator's `down` is remembered by keeping the child: its peer must not come back as a new
// one.
void Session::forget_if_idle() {
  if (stopping_ || peer_side_.links > 0 || peer_side_.state == SessionState::down) return;
  const auto report = conversations_.empty() ? std::nullopt : conversations_.front()->report();
  if (peer_side_.wanted && report && report->held > 0) return arm_forgetting();
  around_.forget(*this);
}

}  // namespace peerhold
