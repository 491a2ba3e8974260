// SPDX-License-Identifier: MIT
// What Bedrock's APIs have in common: the model in the path, errors (docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html).
'use strict';

const { exception } = require('./eventstream');

const ERRORS = { 400: 'ValidationException', 401: 'UnrecognizedClientException', 403: 'AccessDeniedException', 404: 'ResourceNotFoundException',
  429: 'ThrottlingException', 500: 'InternalServerException', 503: 'ServiceUnavailableException' };

module.exports = {
  provider: 'aws-bedrock',
  /** {model, streamed} of a path that ends in one of two verbs, or null. */
  matchVerbs(path, plain, streaming) {
    const found = /\/model\/([^/]+)\/([a-z-]+)$/.exec(path);
    if (!found || ![plain, streaming].includes(found[2])) return null;
    return { model: decodeURIComponent(found[1]), streamed: found[2] === streaming };
  },
  contentType: (call) => (call.streamed ? 'application/vnd.amazon.eventstream' : 'application/json'),
  errorBody: (status, message) => ({ message }),
  errorHeaders: (status) => ({ 'x-amzn-errortype': `${ERRORS[status] || 'InternalServerException'}:http://internal.amazon.com/coral/` }),
  errorEvent: (options) => exception(options.round % 2 ? 'throttlingException' : 'modelStreamErrorException', 'The model had an error'),
};
