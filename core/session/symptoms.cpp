// Session, the part that a diagnosis (core/keeper/doctor) asks and tells.
#include "session/symptoms.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>

#include "session/session.hpp"

namespace peerhold {
namespace {

bool stalls(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return false;
  return info.tcpi_backoff > 0 || info.tcpi_retransmits > 0 || info.tcpi_probes > 0;
}

}  // namespace

Symptoms Session::symptoms() const {
  Symptoms out;
  out.state = state();
  out.rests = (per_client() || dynamic()) && out.state == SessionState::listening;
  out.claimed = peer_side_.claimed;
  out.claim_code = claim_code_;
  if (failures_) out.last_error = failures_->last_error;
  for (const auto& one : conversations_) {
    if (!one->has_peer()) continue;
    const Link& link = *one->peer_link();
    out.stalled = stalls(link.fd());
    if (out.stalled || !out.link) out.link.emplace(link.local(), link.remote());
    if (out.stalled) break;
  }
  return out;
}

void Session::noticed(const Error& error) {
  note_failure(error.cause, error.text, false);
}

void Session::try_now() {
  tell(PeerEvent::kick);
}

}  // namespace peerhold
