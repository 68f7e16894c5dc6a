// Sources: what stands in the main file and in those it includes, section by section, before any
// layer is merged.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/value.hpp"

namespace peerhold {

struct Sources {
  std::vector<std::string> files;            // in the order in which they were read
  std::vector<TableEntry> keeper, defaults;  // none or one
  std::vector<TableEntry> keychains, templates;
  std::vector<Value> sessions, listens;
  Location start;                           // of the main file
  std::map<std::string, unsigned> exposed;  // files that others may read, with their mode
};

// Reads `path` and what it includes. What cannot be read is an error in `out`.
Sources read_sources(const std::string& path, std::vector<Diagnostic>& out);
// The same for a text that is in no file; it is wiped. `name` stands for the file.
Sources read_source_text(std::string text, const std::string& name, std::vector<Diagnostic>& out);

// The directory of a file, with a slash at its end; empty for one in the working directory.
std::string directory_of(const std::string& file);

}  // namespace peerhold
