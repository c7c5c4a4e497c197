#pragma once
// What Swift cannot call of libcurl: its variadic functions, one form per type of argument. The rest of curl.h is
// imported as it is.
#include <curl/curl.h>

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccurl_set_size(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value);

typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*ccurl_seek_callback)(void *context, curl_off_t offset, int origin);
typedef int (*ccurl_before_request_callback)(void *context, char *peer, char *local, int peer_port, int local_port);

CURLcode ccurl_set_read(CURL *easy, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_write(CURL *easy, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_header(CURL *easy, ccurl_data_callback callback, void *context);
CURLcode ccurl_set_seek(CURL *easy, ccurl_seek_callback callback, void *context);
CURLcode ccurl_set_before_request(CURL *easy, ccurl_before_request_callback callback, void *context);

long ccurl_response_code(CURL *easy);
CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);

// The next finished transfer, or NULL.
CURL *ccurl_multi_next_done(CURLM *multi, CURLcode *result);
