"""The part of GitHub's GraphQL schema that gh and this project ask for; states are plain text, so that a test can have new ones said."""

from __future__ import annotations

SDL = """
scalar URI
scalar DateTime
scalar DatabaseId
enum PullRequestState { OPEN CLOSED MERGED }
enum OrderDirection { ASC DESC }
enum IssueOrderField { CREATED_AT UPDATED_AT }
input IssueOrder { field: IssueOrderField! direction: OrderDirection! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
interface Owner { id: ID! login: String! }
type User implements Owner { id: ID! login: String! name: String databaseId: Int }
type Bot implements Owner { id: ID! login: String! databaseId: Int }
type Mannequin implements Owner { id: ID! login: String! databaseId: Int }
type Organization implements Owner { id: ID! login: String! databaseId: Int }
type IssueComment {
  author: Owner createdAt: DateTime! databaseId: DatabaseId body: String! lastEditedAt: DateTime
  includesCreatedEdit: Boolean! viewerDidAuthor: Boolean!
}
type IssueCommentConnection { nodes: [IssueComment] pageInfo: PageInfo! totalCount: Int! }
type Issue { number: Int! comments(first: Int, after: String): IssueCommentConnection! }
union IssueOrPullRequest = Issue | PullRequest
type Ref { name: String! target: GitObject }
type GitObjectCommit { oid: String! }
type App { slug: String! }
type Workflow { name: String! }
type WorkflowRun { event: String! workflow: Workflow! }
type CheckSuite { createdAt: DateTime! app: App workflowRun: WorkflowRun }
type CheckRun {
  name: String! databaseId: DatabaseId status: String! conclusion: String startedAt: DateTime checkSuite: CheckSuite!
}
type StatusContext { context: String! state: String! createdAt: DateTime! }
union RollupContext = CheckRun | StatusContext
type RollupConnection { nodes: [RollupContext] pageInfo: PageInfo! }
type StatusCheckRollup { contexts(first: Int, after: String): RollupConnection! }
interface GitObject { oid: String! }
type Commit implements GitObject { oid: String! statusCheckRollup: StatusCheckRollup }
type PullRequestCommit { commit: Commit! }
type PullRequestCommitConnection { totalCount: Int! nodes: [PullRequestCommit] pageInfo: PageInfo! }
type AutoMergeRequest { enabledAt: DateTime }
type Remark { author: Owner createdAt: DateTime! state: String originalCommit: GitObjectCommit }
type RemarkConnection { nodes: [Remark] pageInfo: PageInfo! }
type ReviewThread { isResolved: Boolean! comments(first: Int, last: Int, after: String): RemarkConnection! }
type ReviewThreadConnection { nodes: [ReviewThread] pageInfo: PageInfo! }
type PullRequest {
  id: ID! number: Int! url: URI! title: String! body: String! state: PullRequestState!
  baseRefName: String! headRefName: String! headRefOid: String! isCrossRepository: Boolean!
  headRepositoryOwner: Owner isDraft: Boolean!
  author: Owner mergeable: String! mergeStateStatus: String! merged: Boolean! mergeCommit: Commit
  autoMergeRequest: AutoMergeRequest isInMergeQueue: Boolean! isMergeQueueEnabled: Boolean! baseRef: Ref
  commits(first: Int, last: Int): PullRequestCommitConnection!
  reviewThreads(first: Int, after: String): ReviewThreadConnection!
  comments(first: Int, after: String): IssueCommentConnection!
}
type PullRequestConnection { totalCount: Int! nodes: [PullRequest] pageInfo: PageInfo! }
type Repository {
  id: ID! name: String! nameWithOwner: String! owner: Owner! url: URI! description: String
  hasIssuesEnabled: Boolean! hasWikiEnabled: Boolean! viewerPermission: String
  mergeCommitAllowed: Boolean! rebaseMergeAllowed: Boolean! squashMergeAllowed: Boolean!
  defaultBranchRef: Ref parent: Repository
  pullRequest(number: Int!): PullRequest
  issueOrPullRequest(number: Int!): IssueOrPullRequest
  pullRequests(states: [PullRequestState!], baseRefName: String, headRefName: String, first: Int, after: String,
    orderBy: IssueOrder): PullRequestConnection!
}
input CreatePullRequestInput {
  repositoryId: ID! baseRefName: String! headRefName: String! title: String! body: String
  draft: Boolean maintainerCanModify: Boolean
}
input UpdatePullRequestInput { pullRequestId: ID! title: String body: String }
type CreatePullRequestPayload { pullRequest: PullRequest }
type UpdatePullRequestPayload { pullRequest: PullRequest }
enum PullRequestMergeMethod { MERGE REBASE SQUASH }
input MergePullRequestInput {
  pullRequestId: ID! mergeMethod: PullRequestMergeMethod expectedHeadOid: String commitHeadline: String commitBody: String
  authorEmail: String
}
type MergePullRequestPayload { clientMutationId: String pullRequest: PullRequest }
input EnablePullRequestAutoMergeInput {
  pullRequestId: ID! mergeMethod: PullRequestMergeMethod commitHeadline: String commitBody: String authorEmail: String
}
type EnablePullRequestAutoMergePayload { clientMutationId: String }
type Query { viewer: User! repository(owner: String!, name: String!): Repository }
type Mutation {
  createPullRequest(input: CreatePullRequestInput!): CreatePullRequestPayload
  updatePullRequest(input: UpdatePullRequestInput!): UpdatePullRequestPayload
  mergePullRequest(input: MergePullRequestInput!): MergePullRequestPayload
  enablePullRequestAutoMerge(input: EnablePullRequestAutoMergeInput!): EnablePullRequestAutoMergePayload
}
"""
