// libsystemd, loaded when it is first needed: with the libraries that it brings it would be a
// megabyte of every keeper, also of those that no systemd runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace peerhold::systemd {

// Each is false where libsystemd is missing (on this machine, or when this was built), or where
// nobody listens.
bool notify(const std::string& state);           // sd_notify(3)
bool watchdog(std::uint64_t& microseconds);      // sd_watchdog_enabled(3)
bool journal(std::vector<std::string>& fields);  // "NAME=value" each; sd_journal_sendv(3)

// Is it the stream to the journal that systemd has given to this process ($JOURNAL_STREAM)?
bool is_journal(int fd);

}  // namespace peerhold::systemd
