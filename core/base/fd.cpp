// Fd: closes what it owns. Used wherever a descriptor has an owner.
#include "base/fd.hpp"

#include <unistd.h>

namespace peerhold {

void Fd::reset(int fd) {
  // No retry on EINTR: Linux has freed the number by then, and a second close could hit another
  // thread's new descriptor.
  if (fd_ >= 0 && fd_ != fd) ::close(fd_);
  fd_ = fd;
}

}  // namespace peerhold
