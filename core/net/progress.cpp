// What TCP_INFO tells about a connection. Called by session/keys.cpp. A translation unit of its own
// because glibc's struct tcp_info ends before the fields that are needed here.
#include "net/progress.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>

namespace peerhold {
namespace {

constexpr int rto_max_ms = 44;  // TCP_RTO_MAX_MS, Linux 6.15; absent from older headers
constexpr int quick_ms = 1000, default_ms = 120000;

int system_rto_max() {
  int value = 0;
  std::ifstream file("/proc/sys/net/ipv4/tcp_rto_max_ms");
  return file >> value ? value : default_ms;
}

}  // namespace

std::optional<Progress> progress_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return std::nullopt;
  Progress out;
  out.since_accepted = Milliseconds(std::min(info.tcpi_last_data_recv, info.tcpi_last_ack_recv));
  out.since_sent = Milliseconds(info.tcpi_last_data_sent);
  out.round_trip = Milliseconds(info.tcpi_rtt / 1000 + 1);
  out.stuck = info.tcpi_backoff > 0 || info.tcpi_retransmits > 0 || info.tcpi_probes > 0;
  out.bytes_received = info.tcpi_bytes_received;
  int buffer = 0;
  socklen_t length = sizeof buffer;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &length);
  out.window = static_cast<std::uint32_t>(std::max(buffer, 65536));
  return out;
}

void quick_retransmissions(int fd, bool quick) {
  const int most = quick ? quick_ms : system_rto_max();
  setsockopt(fd, IPPROTO_TCP, rto_max_ms, &most, sizeof most);  // older kernels do not know it
}

}  // namespace peerhold
