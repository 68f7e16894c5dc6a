// Prepares the process: what every command needs (called by main), and what `peerhold run` needs
// (called by cli/run.cpp); each once, before anything is opened.
#include "cli/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace peerhold::cli {

void open_standard_streams() {
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::dup(fd);
  if (fd >= 0) ::close(fd);
}

void prepare_process() {
  ::umask(027);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  // Keys are in this memory: no core dump, no ptrace by others of this user.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  std::signal(SIGPIPE, SIG_IGN);
}

void hold_signals(std::initializer_list<int> signals, bool hold) {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signum : signals) sigaddset(&set, signum);
  ::pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr);
}

}  // namespace peerhold::cli
