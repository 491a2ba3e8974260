# SPDX-License-Identifier: MIT
# Ruby's net/http: net_http.rb SERVER_DIR PLAN.json. One connection kept alive for most calls, some with a connection of their own;
# answers whole or piece by piece; bodies as text or as chunks.
require 'json'
require 'net/http'
require 'openssl'
require 'stringio'
require 'uri'
require 'zlib'

server = JSON.parse(File.read(File.join(ARGV[0], 'ready.json')))
plan = JSON.parse(File.read(ARGV[1]))
ORIGIN = URI(server[plan['scheme']])

def connection(server)
  http = Net::HTTP.new(ORIGIN.host, ORIGIN.port)
  http.use_ssl = ORIGIN.scheme == 'https'
  http.ca_file = server['ca'] if http.use_ssl?
  http.keep_alive_timeout = 30
  http.read_timeout = 60
  http.start
end

def request_of(call, chunked)
  body = call['packed'] ? Zlib.gzip(call['body']) : call['body']
  request = Net::HTTP::Post.new(call['path'], call['headers'])
  if chunked
    request['Transfer-Encoding'] = 'chunked'
    request.body_stream = StringIO.new(body)
  else
    request.body = body
  end
  request
end

class Left < StandardError; end

def play(http, call, number)
  http.request(request_of(call, number % 5 == 4)) do |response|
    if call['stream']
      response.read_body { |piece| raise Left if call['leave'] && !piece.empty? }
    else
      response.body
    end
  end
end

failures = []
kept = connection(server)
plan['calls'].each_with_index do |call, number|
  own = number % 7 == 3 && !plan['keep']
  http = own ? connection(server) : kept
  begin
    play(http, call, number)
  rescue Left, EOFError, Zlib::Error, IOError, SystemCallError, OpenSSL::SSL::SSLError => e
    failures << "#{call['model']}: #{e.class} #{e.message}" unless call['leave'] || call['script']['cut_after']
    http.finish if http.started?
    kept = connection(server) unless own
    next
  end
  http.finish if own
  kept = connection(server) unless kept.started?
end
kept.finish
warn(*failures) unless failures.empty?
exit(failures.empty? ? 0 : 1)
